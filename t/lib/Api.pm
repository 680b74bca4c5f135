package Api;

# A gateway with a spool and a location of flashduty_api, and how an operator asks there.

use strict;
use warnings;

use parent 'Spool';

use Client;
use Gateway;

# Takes the arguments of Spool. Also: write (on, unless a test is about that); api (further
# directives of its location); locations (further ones of its server).
sub new {
    my ($class, %config) = @_;

    my $write     = $config{write}     // 'on';
    my $api       = $config{api}       // '';
    my $locations = $config{locations} // '';
    return $class->SUPER::new(server => <<"EOC", %config);
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
        location /api/ {
            flashduty_api write=$write;
            $api
        }
$locations
EOC
}

# The answer to a request of that method below the API's location.
sub ask {
    my ($self, $method, $path, @headers) = @_;
    return Client->connect($self->port)->request($method, "/api/$path", undef, @headers);
}

# A request with another Host.
sub ask_as {
    my ($self, $host, $method, $path, @headers) = @_;

    my $request = Client->compose($method, "/api/$path", undef, @headers);
    $request =~ s/^Host: [^\r]*/Host: $host/m;
    return Client->connect($self->port)->send($request)->response($method);
}

sub get { return $_[0]->ask('GET', $_[1])->json }

# All pages of a list.
sub list {
    my ($self, $path) = @_;

    my (@events, $after);
    do {
        my $page = $self->get($path . ($path =~ /\?/ ? '&' : '?') . 'after=' . ($after // 0));
        push @events, @{ $page->{events} || [] };
        $after = $page->{next};
    } while $after;
    return @events;
}

# The target of a uri.
sub target {
    my ($self, $uri) = @_;
    my ($target) = grep { $_->{uri} eq $uri } @{ $self->get('targets')->{targets} };
    return $target || {};
}

# Waits until the log has a line like that.
sub logs {
    my ($self, $line) = @_;
    return eventually { $self->error_log =~ $line };
}

1;
