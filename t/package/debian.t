# The Debian package in clean roots: built there, installed, an alert delivered, upgraded under 200
# alerts a second, removed, purged. TEST_SUITES names the Debians, TEST_ROOTS a folder for their
# roots; TEST_BUILT=1 reuses the packages of the last run.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use Flashduty;
use Gateway;
use Packaged;
use Root;

my @SUITES = split ' ', $ENV{TEST_SUITES} || 'bookworm trixie';
my $ROOTS  = $ENV{TEST_ROOTS} || die "TEST_ROOTS is not set\n";
my $SOURCE = abs_path(dirname(__FILE__) . '/../..');

plan(skip_all => 'only root can make the root of a Debian') if $> != 0;
plan(tests => 29 * @SUITES);

my $root;

# The package of the sources as they are, and of a version after that.
sub build {
    my ($suite) = @_;

    my @built = Packaged->built($ROOTS, $suite);
    if ($ENV{TEST_BUILT} && @built == 2) {
        pass("$suite: built before");
        return @built;
    }
    my $builder = Root->make(
        suite    => $suite,
        folder   => "$ROOTS/$suite-build",
        packages => [qw(build-essential debhelper lintian nginx-dev libyajl-dev libsqlite3-dev libssl-dev make perl)],
    );
    my $copy = "$ROOTS/$suite-build/src";
    my @left_out = map {"--exclude=./$_"} qw(build .git .cache);
    system("mkdir -p $copy && cd $SOURCE && tar -c @left_out . | tar -x -C $copy") == 0
        or die "cannot copy the sources\n";
    my ($status, $output) = $builder->run('cd /src && make deb && mv build/deb/*.deb /');
    is($status, 0, "$suite: make deb, and lintian has nothing to say") or diag($output);

    my $version = 's/kVersion = "[0-9.]*"/kVersion = "99.0.0"/';
    my $changes = '0,/^Changes with nginx-flashduty [^ ]*/s//Changes with nginx-flashduty 99.0.0/';
    $builder->output("cd /src && sed -i '$version' src/nginx/base/version.hpp && sed -i '$changes' CHANGES");
    $builder->output('cd /src && make deb && mv build/deb/*.deb /');
    return Packaged->built($ROOTS, $suite);
}

sub nginx {
    my ($action) = @_;

    my ($status, $output) = $root->run("invoke-rc.d nginx $action");
    note($output);
    return $status;
}

sub is_installed_as_its_siblings_are {
    my $link = readlink $root->path('/etc/nginx/modules-enabled/50-mod-http-flashduty.conf');
    is($link, '/usr/share/nginx/modules-available/mod-http-flashduty.conf', 'it is enabled');
    is($root->output('stat -c "%U %G %a" ' . Packaged::SPOOL), "www-data www-data 700\n", 'the folder of the spool is there');
    my $docs = $root->output('ls /usr/share/doc/' . Packaged::NAME . ' /usr/share/doc/' . Packaged::NAME . '/examples');
    like($docs, qr/README\.md\nREADME\.zh-CN\.md\n/, 'with both manuals');
    like($docs, qr/^minimal\.conf$/m,                'and the examples');
    like($root->output('dpkg-query -W -f \'${Depends}\' ' . Packaged::NAME), qr/nginx-abi-\S+/, "it is bound to nginx's ABI");
    return;
}

for my $suite (@SUITES) {
    my ($old, $new) = build($suite);
    $root = Root->make(suite => $suite, folder => "$ROOTS/$suite", packages => [qw(nginx sqlite3 ca-certificates)]);
    my @PLACES = qw(/etc /usr/lib/nginx /usr/lib/tmpfiles.d /usr/share/doc /usr/share/nginx /var/lib/nginx);
    my $gateway = Packaged->new(root => $root, log => "$ROOTS/load");
    $root->let_services_start(0);
    $root->output('rm -f /etc/nginx/sites-enabled/default');
    system('cp', $_, $root->path('/')) == 0 or die "cannot copy $_\n" for $old, $new;
    s{^.*/}{/} for $old, $new;
    $root->output("apt-get -q update && apt-get -qy install --no-install-recommends \$(dpkg-deb -f $old Depends | tr ',' '\\n' | sed 's/(.*//' | grep -v nginx-abi)");
    # nginx makes folders of its own.
    $root->write_file('/etc/nginx/conf.d/own.conf', "server { listen 127.0.0.1:${\$gateway->port}; }\n");
    $root->output('nginx -t && rm /etc/nginx/conf.d/own.conf');
    my @before = $root->files(@PLACES);

    is(($gateway->dpkg('-i', $old))[0], 0, "$suite: installed");
    my ($version) = $old =~ /_([\d.]+)-/;
    is_installed_as_its_siblings_are();
    $gateway->configure;
    is(($root->run('nginx -t'))[0], 0, 'the configuration holds');
    $root->let_services_start(1);
    is(nginx('start'),                                    0,               'nginx starts');
    ok($gateway->serves($version), "and has version $version");
    is($gateway->alert_is, '200 delivered', 'an alert is delivered');

    $gateway->is_upgraded_under_load($new, '99.0.0');

    # A bad configuration is not tried.
    $root->write_file('/etc/nginx/conf.d/bad.conf', "nonsense;\n");
    my ($status, $output) = $gateway->dpkg('-i', $new);
    is($status, 0, 'an upgrade beside a configuration that does not hold');
    like($output, qr/goes on with the module it has/, 'says so');
    is($gateway->alert_is, '200 delivered', 'and nginx goes on');
    unlink $root->path('/etc/nginx/conf.d/bad.conf');

    # Removed while something waits.
    $gateway->flashduty->answer(html(503));
    is($gateway->alert_is('waits'), '202 spooled', 'an alert waits');
    is(($gateway->dpkg('--purge', Packaged::NAME))[0], 0, 'the package is purged, and nginx still uses the spool');
    ok(-e $root->path(Packaged::SPOOL . '/spool.db'), 'which is left');
    is(nginx('stop'), 0, 'nginx stops');
    is($gateway->waiting, 1, 'the alert waits on');
    $gateway->dpkg('-i', $new);
    $gateway->flashduty->answer(taken());
    nginx('start');
    ok($gateway->has_taken('waits'), 'installed again, it delivers the alert');
    ok((eventually { $gateway->waiting == 0 }), 'and nothing waits any more');

    # Purged for good.
    nginx('stop');
    unlink $root->path('/etc/nginx/conf.d/flashduty.conf');
    is(($gateway->dpkg('--purge', Packaged::NAME))[0], 0, 'purged');
    is(join("\n", left(\@before, [ $root->files(@PLACES) ])), '', 'nothing is left');
    undef $root;
}

# Files that were not there before.
sub left {
    my ($before, $now) = @_;

    my %had = map { $_ => 1 } @$before;
    return grep { !$had{$_} } @$now;
}

END {
    local $?;
    $root->run('invoke-rc.d nginx stop') if $root;
}
