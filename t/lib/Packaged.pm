package Packaged;

# A gateway that was installed as a package into the root of a Debian, a Flashduty for it, and
# checks of the two.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Ledger;
use Load;

use constant NAME  => 'libnginx-mod-http-flashduty';
use constant SPOOL => '/var/lib/nginx/flashduty';

# Packages that were built for a Debian: of this version, and of the next one.
sub built {
    my ($class, $roots, $suite) = @_;
    return sort grep { !/dbgsym/ } glob "$roots/$suite-build/*.deb";
}

# root; log: a file for the answers to the load
sub new {
    my ($class, %packaged) = @_;

    my $peer = Flashduty->start(lenient => 1);
    my $held = Gateway::held_port();
    return bless { %packaged, peer => $peer, held => $held, port => $held->sockport }, $class;
}

sub root      { return $_[0]{root} }
sub port      { return $_[0]{port} }
sub flashduty { return $_[0]{peer} }

# Writes the configuration in conf.d.
sub configure {
    my ($self) = @_;

    $self->root->write_file('/etc/nginx/conf.d/flashduty.conf', <<"EOC");
flashduty_spool ${\SPOOL}/spool.db;
flashduty_rate off;

upstream flashduty {
    server 127.0.0.1:${\$self->{peer}->port} max_fails=0;
    keepalive 8;
}

server {
    listen 127.0.0.1:$self->{port};

    location = /blueking {
        flashduty_push /flashduty;
        client_max_body_size 10m;
    }
    location = /status {
        flashduty_status;
    }
    location = /flashduty {
        internal;
        proxy_pass http://flashduty/event/push/alert/standard?integration_key=key;
        include flashduty_proxy.conf;
    }
}
EOC
    return $self;
}

sub post {
    my ($self, $uri, $body) = @_;

    my @headers = ('Content-Type' => 'application/json', Connection => 'close');
    return Client->connect($self->{port})->request('POST', $uri, $body, @headers);
}

# Verdict on an alert.
sub alert_is {
    my ($self, @ids) = @_;

    my %event = @ids ? (event => { id => $ids[0], event_id => $ids[0] }) : ();
    return $self->post('/blueking', alert(%event))->verdict;
}

sub has_taken {
    my ($self, $id) = @_;
    return eventually { grep { $_->[1] && $_->[2] eq $id } $self->{peer}->arrivals };
}

# Waits until the code of this version answers.
sub serves {
    my ($self, $version) = @_;
    return eventually { $self->version eq $version };
}

sub version {
    my ($self) = @_;

    my $page = eval { Client->connect($self->{port})->request('GET', '/status', undef, Connection => 'close')->body };
    return ($page // '') =~ /^flashduty_build_info\{version="([\d.]+)"/m ? $1 : '';
}

sub waiting {
    my ($self) = @_;
    return $self->root->output('sqlite3 -readonly ' . SPOOL . "/spool.db 'SELECT count(*) FROM event'") + 0;
}

# Status and output of dpkg.
sub dpkg {
    my ($self, $option, $what) = @_;

    my ($status, $output) = $self->root->run("dpkg $option $what");
    note($output);
    return ($status, $output);
}

# Makes six tests.
sub is_upgraded_under_load {
    my ($self, $package, $version) = @_;

    my $load   = Load->start(port => $self->{port}, uri => '/blueking', rate => 200, alerts => 2_000, log => $self->{log});
    my $ledger = Ledger->new($self, 'none');
    ok($load->goes_on(100), 'alerts come, 200 a second');
    is(($self->dpkg('-i', $package))[0], 0, 'an upgrade in the middle of that');
    ok($self->serves($version), 'takes effect') or diag('serving ' . $self->version);
    ok($load->goes_on(400), 'alerts go on being answered');
    note($ledger->note_load($load));
    is($ledger->broken, '', 'what was promised is in Flashduty');
    my @bad = grep { !/^(?:200 delivered|202 spooled)$/ } values %{ $ledger->{told} };
    is(join(', ', @bad), '', 'and every alert was answered 2xx');
    return;
}

1;
