package Fleet;

# Edges of one fleet, each an nginx with a spool of its own; PostgreSQL with standbys; one Flashduty;
# and a wire from each to each that it talks to, which a test can cut.
#
# Wires are called by their ends: "a>one" leads edge a to server one, "two>one" a standby to its
# primary, "a>flashduty" edge a to Flashduty.

use strict;
use warnings;

use List::Util qw(first);
use Test::More ();

use Flashduty;
use Gateway;
use Postgres;
use Spool;
use Wire;

use constant SERVERS => qw(one two three);

# edges: names; standbys: how many; parameters: further ones of flashduty_fleet; settings: {} of
# postgresql.conf; rate, after, spool, workers, daemon, main: of each edge, see Spool; locations:
# further ones of its server; is_direct: without the wires, which nothing can be cut with then
sub new {
    my ($class, %fleet) = @_;

    my $self = bless { edges => [ 'a', 'b', 'c' ], standbys => 1, parameters => 'alone_after=3s', locations => '', %fleet }, $class;
    my @servers = (SERVERS)[ 0 .. $self->{standbys} ];
    my @between = map { my $from = $_; map {"$from>$_"} grep { $_ ne $from } @servers } @servers;
    my @from    = map { my $edge = $_; map {"$edge>$_"} @servers, 'flashduty' } @{ $self->{edges} };
    $self->{wires} = Wire->start(map { $_ => 0 } @between, @from);
    $self->start_servers(@servers);

    $self->{flashduty} = Flashduty->start(
        allow => [ 'X-Edge', 'X-Deliverer', 'X-Caller' ], note => [ 'X-Edge', 'X-Deliverer', 'X-Caller' ]);
    $self->lead('flashduty', $self->{flashduty}->port);
    $self->{shared} = Gateway::held_port();
    $self->{edge}{$_} = $self->make_edge($_) for @{ $self->{edges} };
    return $self;
}

# Leads every wire to a place to a port.
sub lead {
    my ($self, $place, $port) = @_;

    my $wires = $self->wires;
    $wires->lead($_, $port) for $wires->names(qr/>\Q$place\E\z/);
    return;
}

# --- the database ------------------------------------------------------------

# Port at which one place finds another.
sub way {
    my ($self, $from, $to) = @_;

    return $self->wires->port("$from>$to") if !$self->{is_direct};
    return $to eq 'flashduty' ? $self->{flashduty}->port : $self->server($to)->port;
}

sub start_servers {
    my ($self, $first, @others) = @_;

    my %settings = (max_connections => 150, %{ $self->{settings} || {} });
    my $primary = $self->{server}{$first} = Postgres->start(name => $first, settings => \%settings);
    $self->lead($first, $primary->port);
    for my $name (@others) {
        $self->{server}{$name} = $primary->standby(name => $name, port => $self->way($name, $first));
        $self->lead($name, $self->{server}{$name}->port);
    }
    $self->{primary} = $first;
    $self->ask_for_standbys;
    $primary->has_standbys(scalar @others) or die "the standbys do not follow\n";
    return;
}

# Lets each server, were it the primary, wait for one of the others.
sub ask_for_standbys {
    my ($self) = @_;

    for my $name (keys %{ $self->{server} }) {
        my $others = join ', ', grep { $_ ne $name } sort keys %{ $self->{server} };
        $self->server($name)->configure(synchronous_standby_names => $others && "ANY 1 ($others)");
    }
    return;
}

sub server  { return $_[0]{server}{ $_[1] } }
sub servers { return map { $_[0]{server}{$_} } sort keys %{ $_[0]{server} } }
sub primary { return $_[0]{server}{ $_[0]{primary} } }
sub wires   { return $_[0]{wires} }
sub sql     { my ($self, @rest) = @_; return $self->primary->sql(@rest) }

# Names of the servers that are no primary.
sub standbys {
    my ($self) = @_;
    return grep { $_ ne $self->{primary} } sort keys %{ $self->{server} };
}

# Cuts the primary off from its standbys and promotes the one that has received most, as Patroni
# does. What becomes of the old one is the caller's matter.
sub fail_over {
    my ($self) = @_;

    my $old = $self->{primary};
    my @live = grep { $self->server($_)->pid } $self->standbys;
    $self->wires->drop("$_>$old") for @live;
    my %received = map { $_ => $self->server($_)->received } @live;
    my ($best, @others) = sort { $received{$b} <=> $received{$a} } @live;
    $self->server($best)->promote or die "$best cannot be promoted\n";
    $self->{primary} = $best;
    $self->server($_)->follow($self->wires->port("$_>$best")) for @others;
    $self->wires->pass("$_>$old") for @live;
    return $best;
}

# Makes a former primary a standby of the one that there is now.
sub take_back {
    my ($self, $name) = @_;
    return $self->server($name)->come_back_as_standby($self->primary, $self->wires->port("$name>$self->{primary}"));
}

# --- the edges ---------------------------------------------------------------

# All edges listen on one address too, the first of their server: what names it in the database has
# to be the same on all of them.
sub make_edge {
    my ($self, $name) = @_;

    my @servers = sort keys %{ $self->{server} };
    my $hosts   = join ',', map {'127.0.0.1'} @servers;
    my $ports   = join ',', map { $self->way($name, $_) } @servers;
    my $push    = $self->way($name, 'flashduty');
    my $shared  = $self->{shared}->sockport;
    my $fleet   = qq{flashduty_fleet "host=$hosts port=$ports user=@{[Postgres::USER]} dbname=postgres }
        . qq{target_session_attrs=read-write" edge=$name threads=fleet $self->{parameters};};
    $fleet = '' if $self->{is_apart};
    my %settings = map { $_ => $self->{$_} } grep { defined $self->{$_} } qw(rate after spool workers daemon);
    my $edge = Spool->new(%settings, kills => 1, main => "thread_pool fleet threads=4;\n" . ($self->{main} // ''), http => <<"EOC");
    $fleet

    upstream flashduty {
        server 127.0.0.1:$push max_fails=0;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:$shared reuseport;
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://flashduty/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Edge $name;
            proxy_set_header X-Deliverer \$pid;
            proxy_set_header X-Caller \$remote_addr;
            proxy_connect_timeout 2s;
            proxy_read_timeout %%SHORT%%;
        }
        location = /status {
            flashduty_status json;
        }
        location = /metrics {
            flashduty_status prometheus;
        }
        location = /health {
            flashduty_status health=fleet;
        }
        location /api/ {
            flashduty_api write=on;
        }
$self->{locations}
    }
EOC
    $edge->flashduty->stop;
    $edge->{peer}{PEER} = $self->{flashduty};
    return $edge;
}

sub edge      { return $_[0]{edge}{ $_[1] } }
sub edges     { return map { $_[0]{edge}{$_} } @{ $_[0]{edges} } }
sub names     { return @{ $_[0]{edges} } }
sub flashduty { return $_[0]{flashduty} }

# Every edge brings the three tests of a gateway.
sub plan {
    my ($self, $tests) = @_;

    Test::More::plan(tests => $tests + Gateway::OWN_TESTS * $self->names);
    $_->{planned} = 1 for $self->edges;
    return $self;
}

# Starts all edges, and waits until one of them leads.
sub start {
    my ($self) = @_;

    $_->start for $self->edges;
    eventually { $self->leader } or die "nobody leads:\n" . join '', map { $_->error_log } $self->edges;
    return $self;
}

# What an edge says of its fleet; nothing when it does not answer at once.
sub state_of {
    my ($self, $name) = @_;

    my $edge = $self->edge($name);
    local $SIG{ALRM} = sub { die "late\n" };
    return eval {
        alarm 1;
        my $state = $edge->get('/status')->json->{fleet};
        alarm 0;
        $state;
    } || do { alarm 0; {} };
}

# Name of the edge that leads.
sub leader {
    my ($self) = @_;

    my %term = map { $_->[1]{leader} ? ($_->[0] => $_->[1]{term}) : () } map { [ $_, $self->state_of($_) ] } $self->names;
    return (sort { $term{$b} <=> $term{$a} } keys %term)[0];
}

# Waits until an edge is in a mode: fleet, holding, alone, draining.
sub comes_to_be {
    my ($self, $name, $mode) = @_;
    return eventually { ($self->state_of($name)->{mode} // '') eq $mode };
}

# True once nothing waits any more, at any edge and in the database.
sub runs_empty {
    my ($self) = @_;
    return (first { $_ } map { eventually { $self->waiting == 0 } } 1 .. 6) // 0;
}

sub waiting {
    my ($self) = @_;

    my $waiting = $self->{is_apart} ? 0 : $self->sql('SELECT count(*) FROM flashduty.event');
    return $waiting =~ /\D/ ? -1 : $waiting + List::Util::sum(map { $_->waiting } $self->edges);
}

# [KEY, TITLE, REASON] of all dead letters.
sub dead {
    my ($self) = @_;

    my @dead = $self->{is_apart} ? () : map { [ split /\|/, $_, 3 ] } split /\n/, $self->sql('SELECT alert_key, title, reason FROM flashduty.dead');
    return @dead, map { [ @{$_}{qw(alert_key title reason)} ] } map { $_->dead } $self->edges;
}

1;
