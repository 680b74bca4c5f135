package Edge;

# An edge of a fleet: a gateway with a spool of its own and a database that it shares.

use strict;
use warnings;

use parent 'Spool';

use Client;
use Gateway;

# Edges of one fleet have a first listen in common, by which the database knows their server block;
# callers come to the second one.
my $SERVER = <<'EOC';
    server {
        listen 127.0.0.1:%%COMMON%% reuseport;
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass http://127.0.0.1:%%TAKER%%/event/push/alert/standard?integration_key=%%KEY%%;
            proxy_connect_timeout 2s;
            proxy_read_timeout %%SHORT%%;
        }
        location = /status {
            flashduty_status json;
        }
        location /api/ {
            flashduty_api write=on;
        }
    }
EOC

# As Spool's. Also: edge (its name), database (conninfo), fleet (further parameters); like (an edge
# of the same fleet: its first listen and its Flashduty are those of this one, too).
sub new {
    my ($class, %config) = @_;

    my $like = delete $config{like};
    $config{http} //= $SERVER if !defined $config{server};
    my $self = $class->SUPER::new(edge => 'a', fleet => 'alone_after=60s', after => '2s', %config);
    $self->{common} = $like ? $like->{common} : Gateway::held_port();
    $self->{taker} = $like ? $like->{taker} : $self->flashduty;
    return $self;
}

sub configuration {
    my ($self, %part) = @_;

    my $text   = $self->SUPER::configuration(%part);
    my %values = (%$self, %part);
    return $text if defined $part{conf} || !defined $values{database};
    return $text =~ s/^http \{\n\K/    flashduty_fleet "$values{database}" edge=$values{edge} $values{fleet};\n/mr;
}

sub expand {
    my ($self, $text) = @_;

    my %value = (COMMON => $self->{common} && $self->{common}->sockport, TAKER => $self->{taker} && $self->{taker}->port);
    $text =~ s/%%(COMMON|TAKER)%%/$value{$1}/g;
    return $self->SUPER::expand($text);
}

# The answer to a request of that method below the API's location.
sub ask {
    my ($self, $method, $path) = @_;
    return Client->connect($self->port)->request($method, "/api/$path");
}

# The Flashduty that all edges push to.
sub taker { return $_[0]{taker} }

# Whether this edge has led last, by its log.
sub leads {
    my ($self) = @_;

    my @turns = $self->error_log =~ /flashduty fleet: this edge leads( no more|:)/g;
    return @turns && $turns[-1] eq ':';
}

# Waits until an edge is one that leads.
sub comes_to_lead {
    my ($self) = @_;
    return eventually { $self->leads };
}

1;
