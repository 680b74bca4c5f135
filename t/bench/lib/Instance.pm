package Instance;

# An nginx of the bench: one worker, on one core, with what it takes of the
# processor and of memory.

use strict;
use warnings;

use File::Temp;
use HTTP::Tiny;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

use constant PATIENCE => 20;

# Folder of nginx's modules in Debian's packages, and the modules that those need before them.
my $MODULES = '/usr/lib/nginx/modules';
my %LOAD    = (
    lua  => [ "$MODULES/ndk_http_module.so", "$MODULES/ngx_http_lua_module.so" ],
    njs  => ["$MODULES/ngx_http_js_module.so"],
    echo => ["$MODULES/ngx_http_echo_module.so"],
);

# An interrupted bench still ends the processes that it has started.
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

# core; load (names above, or paths); http, server: configuration with %%PORT%%
# and whatever `values` has, COMMAND among it (nginx, and what it runs in); held (a port of held_port, which it takes).
sub start {
    my ($class, %config) = @_;

    my $held = $config{held} // held_port();
    my $self = bless {
        name => $config{name}, held => $held, port => $held->sockport, owner => $$,
        dir => File::Temp->newdir('bench.XXXXXX', TMPDIR => 1),
    }, $class;
    $self->write_conf(\%config);

    $self->{pid} = fork // die "cannot fork: $!\n";
    if (!$self->{pid}) {
        my @nginx = @{ $config{values}{COMMAND} || ['nginx'] };
        exec 'taskset', '-c', $config{core}, @nginx, '-p', "$self->{dir}/", '-e', "$self->{dir}/error.log",
            '-c', "$self->{dir}/nginx.conf"
            or POSIX::_exit(127);
    }
    my $deadline = time + PATIENCE;
    while (!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port})) {
        die "$self->{name}: nginx does not start\n", $self->error_log if time > $deadline;
        sleep 0.02;
    }
    return $self;
}

# The kernel gives it to nobody else as long as it is held.
sub held_port {
    return IO::Socket::INET->new(
        Proto => 'tcp', LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1,
    ) || die "no free port: $!\n";
}

sub write_conf {
    my ($self, $config) = @_;

    my %value = (%{ $config->{values} || {} }, DIR => "$self->{dir}", PORT => $self->{port});
    my $load  = join '', map {"load_module $_;\n"} map { @{ $LOAD{$_} || [$_] } } @{ $config->{load} || [] };
    my $user  = $> == 0 ? 'user root;' : '';
    my $http  = $config->{http} // '';
    my $conf  = <<"EOC";
$load
$user
daemon off;
worker_processes 1;
pid %%DIR%%/nginx.pid;
error_log %%DIR%%/error.log crit;

events {
    worker_connections 1024;
}

http {
    access_log off;
    client_body_temp_path %%DIR%%/body;
    proxy_temp_path %%DIR%%/proxy;
    fastcgi_temp_path %%DIR%%/fastcgi;
    uwsgi_temp_path %%DIR%%/uwsgi;
    scgi_temp_path %%DIR%%/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_max_body_size 10m;
    # No contender writes a body to disk unless it is said so below.
    client_body_buffer_size %%BODY_BUFFER%%;
$http

    server {
        listen 127.0.0.1:%%PORT%%;
$config->{server}
    }
}
EOC
    $value{BODY_BUFFER} //= '256k';
    $conf =~ s/%%(\w+)%%/$value{$1} \/\/ die "no value for %%$1%%\n"/ge;
    open my $file, '>', "$self->{dir}/nginx.conf" or die "nginx.conf: $!\n";
    print {$file} $conf;
    close $file or die "nginx.conf: $!\n";
    return;
}

sub name { return $_[0]{name} }
sub url  { return "http://127.0.0.1:$_[0]{port}" . ($_[1] // '/blueking') }

sub error_log {
    my ($self) = @_;
    return slurp("$self->{dir}/error.log");
}

sub post {
    my ($self, $body, $path) = @_;

    my $answer = HTTP::Tiny->new(timeout => PATIENCE)->post($self->url($path),
        { content => $body, headers => { 'Content-Type' => 'application/json' } });
    die "$self->{name} answered $answer->{status}: $answer->{content}\n", $self->error_log
        if $answer->{status} != 200;
    return $answer->{content};
}

sub worker {
    my ($self) = @_;
    return (slurp("/proc/$self->{pid}/task/$self->{pid}/children") =~ /(\d+)/)[0];
}

# Moves all its processes to another core.
sub run_on {
    my ($self, $core) = @_;
    for my $pid ($self->{pid}, $self->worker) {
        system("taskset -acp $core $pid >/dev/null") == 0 or die "$self->{name}: taskset has failed\n";
    }
    return;
}

# utime and stime of all its processes, in nanoseconds, of which /proc/PID/stat
# shows only hundredths of a second.
sub cpu_ns {
    my ($self) = @_;

    my $ns = 0;
    $ns += (split ' ', slurp("/proc/$_/schedstat"))[0] for $self->{pid}, $self->worker;
    return $ns;
}

# What of that was user time, as far as hundredths of a second tell.
sub user_share {
    my ($self, $since) = @_;
    my ($user, $system) = map { $_ - ($since ? shift @$since : 0) } $self->ticks;
    return $user + $system == 0 ? 1 : $user / ($user + $system);
}

# utime and stime of all its processes.
sub ticks {
    my ($self) = @_;
    my @ticks = (0, 0);
    for my $pid ($self->{pid}, $self->worker) {
        my @stat = split ' ', slurp("/proc/$pid/stat") =~ s/^.*\) //sr;
        $ticks[$_] += $stat[ 11 + $_ ] for 0, 1;
    }
    return @ticks;
}

# Memory that the worker got from the kernel again and again.
sub page_faults {
    my ($self) = @_;
    return (split ' ', slurp('/proc/' . $self->worker . '/stat'))[9];
}

sub memory_kb {
    my ($self, $name) = @_;
    return (slurp('/proc/' . $self->worker . '/status') =~ /^$name:\s+(\d+)/m)[0];
}

sub slurp {
    my ($path) = @_;

    open my $file, '<', $path or die "cannot read $path: $!\n";
    local $/;
    return scalar(<$file>) // '';
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $!);
    return if !$self->{pid} || $self->{owner} != $$;
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
