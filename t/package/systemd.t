# The package where systemd runs nginx: the drop-in of conf.example holds, and an upgrade under load
# takes effect and loses nothing. After debian.t, whose packages it takes; TEST_ROOTS as there.

use strict;
use warnings;

use Test::More;

use Flashduty;
use Gateway;
use Packaged;
use Root;

my $ROOTS = $ENV{TEST_ROOTS} || die "TEST_ROOTS is not set\n";
my $SUITE = $ENV{TEST_SUITE} || 'bookworm';

plan(skip_all => 'only root can boot a root') if $> != 0;
my ($old, $new) = Packaged->built($ROOTS, $SUITE);
plan(skip_all => "needs the packages of debian.t in $ROOTS/$SUITE-build") if !$new;
plan(tests => 20);

my $root = Root->make(
    suite => $SUITE, folder => "$ROOTS/$SUITE-systemd",
    packages => [qw(systemd-sysv dbus nginx sqlite3 ca-certificates)],
);
my $gateway = Packaged->new(root => $root, log => "$ROOTS/systemd-load");
system('cp', $_, $root->path('/')) == 0 or die "cannot copy $_\n" for $old, $new;
s{^.*/}{/} for $old, $new;
$root->output('rm -f /etc/nginx/sites-enabled/default && mkdir /etc/systemd/system/nginx.service.d');
$root->output("apt-get -q update && apt-get -qy install --no-install-recommends \$(dpkg-deb -f $old Depends | tr ',' '\\n' | sed 's/(.*//' | grep -v nginx-abi)");
system('cp', 'conf.example/systemd/flashduty.conf', $root->path('/etc/systemd/system/nginx.service.d/')) == 0
    or die "cannot copy the drop-in\n";
ok($root->boot("$ROOTS/boot.log"), 'it boots') or BAIL_OUT('no systemd');
ok((eventually { ($root->run('systemctl is-active nginx'))[1] eq "active\n" }), 'nginx runs, under the drop-in');

sub main_pid { return $root->output('systemctl show -p MainPID --value nginx') + 0 }

# Limits of the service's processes, by the kernel.
sub limits { return $root->output('cat /proc/$(systemctl show -p MainPID --value nginx)/limits') }

# A container gets no more than the machine has.
my ($hard) = qx{sh -c 'ulimit -Hn'} =~ /^(\d+)$/m;
my $files = defined $hard && $hard < 65536 ? $hard : 65536;
like(limits(), qr/^Max open files +$files /m, 'with as many connections as it says');
my ($status) = $root->run('nsenter -m -t $(systemctl show -p MainPID --value nginx) touch /etc/nginx/written');
isnt($status, 0, 'what nginx need not write it cannot');
($status) = $root->run('nsenter -m -t $(systemctl show -p MainPID --value nginx) touch /var/lib/nginx/written');
is($status, 0, 'what it must it can');

is(($gateway->dpkg('-i', $old))[0], 0, 'installed');
is($root->output('stat -c "%U %G %a" ' . Packaged::SPOOL), "www-data www-data 700\n", 'systemd-tmpfiles made the folder of the spool');
$gateway->configure;
is(($root->run('systemctl restart nginx'))[0], 0, 'nginx is started again');
my ($version) = $old =~ /_([\d.]+)-/;
ok($gateway->serves($version), "and has version $version");
is($gateway->alert_is, '200 delivered', 'an alert is delivered');

my $before = main_pid();
$gateway->is_upgraded_under_load($new, '99.0.0');
ok((eventually { my $now = main_pid(); $now && $now != $before }), 'systemd knows the new master');
is(($root->run('systemctl is-active nginx'))[1], "active\n", 'the service is well');
$gateway->flashduty->answer(html(503));
is($gateway->alert_is('waits'), '202 spooled', 'Flashduty away: an alert waits');
$root->output('systemctl stop nginx');
is($gateway->waiting, 1, 'and waits on when the service is stopped');
