# The container image: an alert runs through it, alone and as an edge of a fleet, as user 33 with a read-only root and no capability.
# TEST_IMAGE is the OCI archive, TEST_ROOTS a folder to unpack it in.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use JSON::PP;
use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Postgres;

my $IMAGE  = $ENV{TEST_IMAGE} || die "TEST_IMAGE is not set\n";
my $FOLDER = ($ENV{TEST_ROOTS} || die "TEST_ROOTS is not set\n") . '/image';
my $NAME   = "flashduty-$$";

plan(skip_all => 'only root can run a container here') if $> != 0;
plan(tests => 18);

my $running;

sub must { system(@_) == 0 or die "@_: failed with $?\n"; return }

sub read_file {
    my ($name) = @_;

    open my $file, '<', $name or return '';
    local $/ = undef;
    return <$file>;
}

sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', $name or die "cannot write $name: $!\n";
    print {$file} $text;
    close $file or die "cannot write $name: $!\n";
    return;
}

remove_tree($FOLDER);
make_path("$FOLDER/oci", "$FOLDER/conf", "$FOLDER/spool");
must('tar', '-x', '-C', "$FOLDER/oci", '-f', $IMAGE);
my ($tag) = map { $_->{annotations}{'org.opencontainers.image.ref.name'} } @{ decode_json(read_file("$FOLDER/oci/index.json"))->{manifests} };
must('umoci', 'unpack', '--image', "$FOLDER/oci:$tag", "$FOLDER/bundle");

my $runtime = decode_json(read_file("$FOLDER/bundle/config.json"));
is("$runtime->{process}{user}{uid}:$runtime->{process}{user}{gid}", '33:33', 'it does not run as root');
is(join(' ', @{ $runtime->{process}{args} }), '/usr/sbin/nginx', 'it runs nginx');

# The image's configuration listens at fixed ports; here at free ones.
my %port = map { $_ => Gateway::held_port()->sockport } qw(alerts figures);
my $root = "$FOLDER/bundle/rootfs";
for my $file ("$root/etc/nginx/nginx.conf", "$root/usr/local/bin/flashduty-health") {
    my $text = read_file($file) =~ s/\b8081\b/127.0.0.1:$port{figures}/r;
    write_file($file, $text =~ s/127\.0\.0\.1:127\.0\.0\.1/127.0.0.1/r);
}

my $peer = Flashduty->start(lenient => 1);
write_file("$FOLDER/conf/integration.key", "key-in-a-file\n");
write_file("$FOLDER/conf/gateway.conf", <<"EOC");
flashduty_integration_key_file /etc/nginx/flashduty/integration.key;
upstream flashduty {
    server 127.0.0.1:${\$peer->port} max_fails=0;
    keepalive 8;
}
server {
    listen 127.0.0.1:$port{alerts};
    location = /blueking {
        flashduty_push /flashduty;
    }
    location = /flashduty {
        internal;
        proxy_pass http://flashduty/event/push/alert/standard?integration_key=\$flashduty_integration_key;
        include flashduty_proxy.conf;
    }
}
EOC
chmod 0400, "$FOLDER/conf/integration.key";
must('chown', '-R', '33:33', "$FOLDER/conf");
# Owner as Kubernetes sets it for a volume with fsGroup.
must('chown', '0:33', "$FOLDER/spool");
chmod 02770, "$FOLDER/spool" or die "cannot chmod $FOLDER/spool: $!\n";

# Runs as Kubernetes would run it, on the machine's own network.
$runtime->{root}{readonly}              = JSON::PP::true;
$runtime->{process}{terminal}           = JSON::PP::false;
$runtime->{process}{noNewPrivileges}    = JSON::PP::true;
$runtime->{process}{capabilities}{$_}   = [] for keys %{ $runtime->{process}{capabilities} };
$runtime->{linux}{namespaces}           = [ grep { $_->{type} ne 'network' } @{ $runtime->{linux}{namespaces} } ];
delete $runtime->{linux}{resources};
$runtime->{mounts} = [ grep { $_->{destination} !~ m{^/(?:sys|tmp|var/lib/nginx/flashduty|etc/resolv.conf)} } @{ $runtime->{mounts} } ];
push @{ $runtime->{mounts} },
    { destination => '/tmp', type => 'tmpfs', source => 'tmpfs', options => [qw(nosuid nodev mode=1777)] },
    { destination => '/var/lib/nginx/flashduty', type => 'bind', source => "$FOLDER/spool", options => [qw(rbind rw)] },
    { destination => '/etc/nginx/flashduty', type => 'bind', source => "$FOLDER/conf", options => [qw(rbind ro)] };
write_file("$FOLDER/bundle/config.json", encode_json($runtime));

my @RUNC = ('runc', '--root', "$FOLDER/runc");

sub start {
    $running = fork // die "cannot fork: $!\n";
    if (!$running) {
        open STDOUT, '>>', "$FOLDER/output" or die;
        open STDERR, '>>', "$FOLDER/errors" or die;
        exec @RUNC, 'run', '--bundle', "$FOLDER/bundle", $NAME or die "cannot run runc: $!\n";
    }
    return eventually { Client->reaches($port{alerts}) };
}

sub stop {
    system(@RUNC, 'kill', $NAME, 'QUIT');
    waitpid $running, 0;
    my $status = $?;
    undef $running;
    return $status;
}

sub post {
    my (@change) = @_;
    return Client->connect($port{alerts})->request('POST', '/blueking', alert(@change), 'Content-Type' => 'application/json', Connection => 'close')->verdict;
}

sub healthy { return system(@RUNC, 'exec', $NAME, '/usr/local/bin/flashduty-health') == 0 }

ok(start(), 'it starts on a read-only root without a capability')
    or diag(read_file("$FOLDER/errors"));
is(post(), '200 delivered', 'an alert runs through it');
like($peer->last_push->{uri} // $peer->last_push->{target} // '', qr/integration_key=key-in-a-file/, 'with the key of a file of mode 0400');
ok(healthy(), 'the health check says so');
like(read_file("$FOLDER/output"), qr/^\{"time":.*"outcome":"delivered","alert_key":"\w+"/m, "the alert stands in the container's output");

$peer->answer(html(503));
is(post(event => { id => 'waits', event_id => 'waits' }), '202 spooled', 'Flashduty away: an alert waits in the volume');
ok(healthy(), 'and the gateway is well: it takes alerts');
is(stop(), 0, 'it ends in good order with QUIT, its stop signal');
is($runtime->{annotations}{'org.opencontainers.image.stopSignal'}, 'SIGQUIT', 'which the image names');
$peer->answer(taken());
ok(start(), 'another container of the same volume');
ok((eventually { grep { $_->[1] && $_->[2] eq 'waits' } $peer->arrivals }), 'delivers it');
is(stop(), 0, 'and ends');

# The same as an edge of a fleet.
my $db = Postgres->start;
write_file("$FOLDER/conf/fleet.conf", 'flashduty_fleet "' . $db->conninfo . qq{" edge=one;\n});
must('chown', '33:33', "$FOLDER/conf/fleet.conf");
ok(start(), 'with a database it shares, it starts');
ok((eventually { $db->sql(q{SELECT count(*) FROM flashduty.edge}) eq '1' }), 'and is on the roll');
ok((eventually { post() eq '200 delivered' }), 'an alert runs through the database');
is(stop(), 0, 'and it ends');

END {
    local $?;
    if ($running) {
        system(@RUNC, 'delete', '--force', $NAME);
        waitpid $running, 0;
    }
}
