package Gateway;

# An nginx with the module, started for one test file, and a strict Flashduty
# beside it. Every plan gets three tests that nobody has to write: nginx logged
# no alert and left in good order, no sanitizer complained, and every push kept
# the rules of Flashduty's protocol.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More import => [qw(is ok like diag)];
use Time::HiRes qw(sleep time);

use Client;
use Flashduty;

our @EXPORT = qw(eventually check_server_lines);

use constant OWN_TESTS => 3;

# %%SHORT%%: time that nginx waits for a peer that will never answer. A busy machine delays a peer
# that does answer, too.
use constant SHORT => Client::IS_SLOW ? '5s' : '2s';

# TEST_NGINX_BINARY, TEST_FLASHDUTY_MODULE   what is tested
# TEST_NGINX_STATIC=1                        the module is inside the binary
# TEST_NGINX_PREFIX_CMD                      put before the command of nginx
# TEST_NGINX_VALGRIND=1                      valgrind before all that
my $LIB    = abs_path(dirname(__FILE__));
my $NGINX  = whole_path($ENV{TEST_NGINX_BINARY} || 'nginx');
my $MODULE = $ENV{TEST_FLASHDUTY_MODULE} || "$LIB/../../build/ngx_http_flashduty_module.so";
our @PREFIX = split ' ', $ENV{TEST_NGINX_PREFIX_CMD} // '';

my @VALGRIND = (
    qw(valgrind -q --trace-children=yes --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite),
    "--suppressions=$LIB/nginx.supp",
);
unshift @PREFIX, @VALGRIND if $ENV{TEST_NGINX_VALGRIND};

my @started;

# Waits until the condition holds; returns its value, or nothing when patience ends.
sub eventually (&) {
    my ($condition) = @_;

    my $deadline = time + Client::PATIENCE;
    while (1) {
        my $value = $condition->();
        return $value if $value;
        return        if time > $deadline;
        sleep 0.01;
    }
}

# server => the inside of one server block on %%PORT%%
# http   => the inside of http, servers included
# also: main (directives of the outermost level); workers; key (the integration
# key); peers (names of further Flashdutys); lenient (names of peers that take
# everything); allow (headers that pushes may carry besides the protocol's own); note
# (headers that arrivals() tells);
# ports (names of further ports); daemon (nginx goes into the background: only there
# does it take a binary upgrade); conf (a whole configuration instead); emerg
# (what nginx says of a configuration that it was told to reload and cannot)
sub new {
    my ($class, %config) = @_;

    my $self = bless {
        dir     => File::Temp->newdir('gateway.XXXXXX', TMPDIR => 1),
        key     => 'integration-key-7f3a',
        workers => 1,
        owner   => $$,
        %config,
    }, $class;

    # A rebuild must not change the module under a running nginx.
    if (!$ENV{TEST_NGINX_STATIC}) {
        copy($MODULE, "$self->{dir}/module.so") or die "cannot copy $MODULE: $!\n";
    }

    # nginx may bind what is bound but not listening; the kernel gives it to
    # nobody else as long as it is held.
    $self->{held}{$_} = held_port() for qw(PORT READY NOBODY), @{ $self->{ports} || [] };

    my %manners = (allow => $self->{allow}, note => $self->{note});
    $self->{peer}{$_} = Flashduty->start(%manners)     for 'PEER', @{ $self->{peers} || [] };
    $self->{peer}{$_} = Flashduty->start(lenient => 1) for @{ $self->{lenient} || [] };
    return $self;
}

# Whole path of the binary: at a binary upgrade nginx executes itself again, without searching PATH.
sub whole_path {
    my ($program) = @_;

    return $program if $program =~ m{/};
    return (grep { -f && -x _ } map {"$_/$program"} split /:/, $ENV{PATH})[0] // $program;
}

sub held_port {
    my $socket = IO::Socket::INET->new(
        Proto => 'tcp', LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1,
    ) or die "no free port: $!\n";
    return $socket;
}

sub plan {
    my ($self, $tests) = @_;

    Test::More::plan(tests => $tests + OWN_TESTS);
    $self->{planned} = 1;
    return $self;
}

# Output of `nginx -V`: its version, and the modules that it was built with.
sub build { return scalar qx{$NGINX -V 2>&1} }

# Version as nginx's source counts it: 1025001 is 1.25.1.
sub version {
    my ($class) = @_;

    my ($major, $minor, $patch) = $class->build =~ m{^nginx version: (?:nginx|openresty)/(\d+)\.(\d+)\.(\d+)}m
        or die "$NGINX does not say its version\n";
    return $major * 1_000_000 + $minor * 1000 + $patch;
}

sub dir       { return "$_[0]{dir}" }
sub port      { return $_[0]{held}{ $_[1] || 'PORT' }->sockport }
sub flashduty { return $_[0]{peer}{ $_[1] || 'PEER' } }

# --- configuration -----------------------------------------------------------

sub configuration {
    my ($self, %part) = @_;

    return $self->expand($part{conf}) if defined $part{conf};

    my $http = $part{http} // <<"EOC";
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
$part{server}
    }
EOC
    my $main   = $part{main} // '';
    my $daemon = $self->{daemon} ? 'on' : 'off';

    return $self->expand(<<"EOC");
%%LOAD%%
%%USER%%
daemon $daemon;
worker_processes $self->{workers};
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
$main

events {
}

http {
    access_log off;
%%TEMP_PATHS%%
%%READY_SERVER%%

$http
}
EOC
}

# Directives that every configuration needs in its http block.
my %COMMON = (
    TEMP_PATHS => <<'EOC',
    client_body_temp_path %%DIR%%/body;
    proxy_temp_path %%DIR%%/proxy;
    fastcgi_temp_path %%DIR%%/fastcgi;
    uwsgi_temp_path %%DIR%%/uwsgi;
    scgi_temp_path %%DIR%%/scgi;
EOC
    READY_SERVER => <<'EOC',
    server {
        listen 127.0.0.1:%%READY%%;
        access_log off;
        return 204;
    }
EOC
    LOAD => $ENV{TEST_NGINX_STATIC} ? '' : 'load_module %%DIR%%/module.so;',
    USER => $> == 0                 ? 'user root;' : '',

    # End of a `listen`; since 1.25.1 a directive of its own turns HTTP/2 on.
    HTTP2_ON => version(__PACKAGE__) < 1_025_001 ? 'http2' : '; http2 on',
);

sub expand {
    my ($self, $text) = @_;

    my %value = (DIR => $self->dir, KEY => $self->{key}, SHORT => SHORT);
    $value{$_} = $self->port($_)            for keys %{ $self->{held} };
    $value{$_} = $self->flashduty($_)->port for keys %{ $self->{peer} };
    $value{PUSH_URL} = "http://127.0.0.1:$value{PEER}"
        . "/event/push/alert/standard?integration_key=$value{KEY}";

    $text =~ s/%%(\w+)%%/$COMMON{$1} \/\/ $&/ge;
    $text =~ s/%%(\w+)%%/$value{$1} \/\/ die "no value for %%$1%%\n"/ge;
    return $text;
}

sub write_file {
    my ($self, $name, $content, $mode) = @_;

    open my $file, '>:raw', "$self->{dir}/$name" or die "cannot write $name: $!\n";
    print {$file} $content;
    close $file or die "cannot write $name: $!\n";
    return $self if !defined $mode;
    chmod $mode, "$self->{dir}/$name" or die "cannot change $name: $!\n";
    return $self;
}

sub read_file {
    my ($self, $name) = @_;

    open my $file, '<:raw', "$self->{dir}/$name" or return '';
    local $/;
    return scalar <$file>;
}

# Result of `nginx -t` on a configuration: whether it passed, and its output. The configuration may
# lie in a folder of its own: in.
sub check {
    my ($self, %part) = @_;

    # No leak check: `nginx -t` ends without freeing its memory.
    local $ENV{LSAN_OPTIONS} = 'detect_leaks=0';
    local @PREFIX = map { s/--leak-check=full/--leak-check=no/r } @PREFIX;
    my $conf = ($part{in} ? "$part{in}/" : '') . 'check.conf';
    $self->write_file($conf, $self->configuration(%part))->write_file('check.out', '');
    my $pid = $self->spawn('check.out', '-t', '-e', "$self->{dir}/check.log", '-c', "$self->{dir}/$conf");
    waitpid $pid, 0;
    my $passed = $? == 0;
    my $output = $self->read_file('check.out');
    die "nginx -t:\n$output" if sanitizer_lines($output);
    return ($passed, $output);
}

# A whole test file: lines of a server block that pass `nginx -t`, each with its name, and lines
# that do not, each with the message; without one, the output names the line.
sub check_server_lines {
    my ($good, $bad) = @_;

    my $self = __PACKAGE__->new;
    Test::More::plan(tests => @$good + 2 * @$bad);
    for my $case (@$good) {
        my ($name, $text) = @$case;
        my ($passed, $output) = $self->check(server => $text);
        ok($passed, "$name passes") or diag($output);
    }
    for my $case (@$bad) {
        my ($name, $text, $complaint) = @$case;
        my ($passed, $output) = $self->check(server => "# $name\n$text\n");
        ok(!$passed, "$name fails");
        my @lines = split /\n/, $self->read_file('check.conf');
        my ($place) = grep { $lines[ $_ - 1 ] eq $text } 1 .. @lines;
        like($output, $complaint || qr/\[emerg\] .* in \S+check\.conf:$place$/m, '... and the line is named');
    }
    return $self->stop;
}

# --- running -----------------------------------------------------------------

sub spawn {
    my ($self, $output, @arguments) = @_;

    my $pid = fork // die "cannot fork: $!\n";
    return $pid if $pid;

    setpgrp;    # see guard()
    open STDOUT, '>>', "$self->{dir}/$output";
    open STDERR, '>&', \*STDOUT;
    exec @PREFIX, $NGINX, '-p', "$self->{dir}/", @arguments
        or POSIX::_exit(127);
}

sub start {
    my ($self) = @_;

    my $conf = $self->configuration(%$self);
    $self->write_file('nginx.conf', $conf);

    # Every process of nginx holds the other end of this pipe until it ends.
    local $^F = 255;
    pipe $self->{life}, my $held or die "cannot pipe: $!\n";
    $self->{pid} = $self->spawn('output', '-e', "$self->{dir}/error.log", '-c', "$self->{dir}/nginx.conf");
    close $held;
    $self->guard;
    push @started, $self if !grep { $_ == $self } @started;

    # A test that is interrupted still stops its nginx.
    $SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);
    $SIG{PIPE} = 'IGNORE';

    eventually { $self->has_ended || -s "$self->{dir}/nginx.pid" && Client->reaches($self->port('READY')) };
    $self->{pid} or die "nginx does not start:\n" . $self->read_file('output');
    # On a busy machine the first worker takes callers before there is a second one.
    my ($workers) = $conf =~ /^worker_processes (\d+);/m;
    eventually { $self->has_ended || $self->workers >= $workers } if ($workers // 1) > 1;
    return $self;
}

# A test that is killed takes its nginx along: the kernel tells a process that
# watches it, which then kills nginx's process group.
sub guard {
    my ($self) = @_;

    # Releases the watcher of an nginx that was started before.
    syswrite $self->{alive}, 'x' if $self->{alive};
    local $^F = 2;    # nginx must not hold this pipe
    pipe my $watched, $self->{alive} or die "cannot pipe: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    return if $pid;
    # Others wait for the end of pipes whose ends were inherited.
    POSIX::close($_) for grep { $_ != fileno $watched } 3 .. 1023;
    $SIG{$_} = 'IGNORE' for qw(HUP INT TERM PIPE);
    $0 = 'guard of an nginx';    # whoever kills tests by their name leaves it alone
    $self->kill_all if !sysread $watched, my $word, 1;
    POSIX::_exit(0);
}

# Kills master and workers: their group is that of the first master, whatever upgrades there were.
sub kill_all {
    my ($self) = @_;

    my $master = $self->master or return;
    my $group  = getpgrp($master) // 0;
    kill 'KILL', $group > 1 ? -$group : -$master;
    return;
}

sub has_ended {
    my ($self) = @_;

    return 1 if !$self->{pid};
    return   if !IO::Select->new($self->{life})->can_read(0);
    waitpid delete $self->{pid}, 0;
    return 1;
}

# Process that takes signals; after a binary upgrade it is another one.
sub master {
    my ($self) = @_;

    return $self->{pid} if !$self->{daemon};
    return $self->read_file('nginx.pid') =~ /(\d+)/ ? $1 : undef;
}

sub signal {
    my ($self, $name) = @_;

    my $master = $self->{pid} && $self->master;
    kill $name, $master if $master;
    return $self;
}

# Processes of this nginx besides the master, by their number.
sub workers {
    my ($self) = @_;

    my $master = $self->master or return;
    return map { m{^/proc/(\d+)/} } grep { parent_of($_) == $master } glob '/proc/[0-9]*/stat';
}

sub parent_of {
    my ($stat) = @_;

    open my $file, '<', $stat or return 0;
    return (readline($file) // '') =~ /\) \S (\d+)/ ? $1 : 0;
}

# Stops a process where it stands. It has stopped when this returns, and takes no caller any more.
sub stop_process {
    my ($self, $pid) = @_;

    kill 'STOP', $pid;
    return eventually {
        open my $file, '<', "/proc/$pid/stat" or return;
        (readline($file) // '') =~ /\) [Tt] /;
    };
}

# Kills all processes at once.
sub crash {
    my ($self) = @_;

    my $master = $self->master;
    # Stops the master first, since it would start others.
    kill 'STOP', $master;
    kill 'KILL', $self->workers, $master;
    eventually { $self->has_ended } or die "nginx does not die\n";
    return $self;
}

# Reloads. All callers after this meet the configuration as it is now.
sub reload {
    my ($self) = @_;

    my $times  = sub { scalar(() = $_[0] =~ /$_[1]/mg) };
    my $before = $times->($self->error_log, ': reconfiguring$');
    $self->signal('HUP');
    eventually {
        my $log = $self->error_log;
        my ($old) = $log =~ /\A(.*): reconfiguring$/ms;
        $times->($log, ': reconfiguring$') > $before
            && $times->($log, 'gracefully shutting down') >= $times->($old, 'start worker process \d');
    } or die "nginx does not reload\n";
    return $self;
}

# Waits until everything that the worker was doing at the call is done and logged.
sub settle {
    my ($self) = @_;

    Client->connect($self->port('READY'))->request('GET', '/');
    return $self;
}

sub stop {
    my ($self) = @_;

    $_->stop for values %{ $self->{peer} };
    for my $signal (qw(QUIT TERM KILL)) {
        last if $self->has_ended;
        push @{ $self->{bad_manners} }, "needed SIG$signal" if $signal ne 'QUIT';
        $signal eq 'KILL' ? $self->kill_all : $self->signal($signal);
        eventually { $self->has_ended };
    }
    return $self;
}

# --- talking to it -----------------------------------------------------------

sub client { return Client->connect($_[0]->port($_[1])) }

sub post {
    my ($self, $uri, $body, @headers) = @_;
    return $self->client->request('POST', $uri, $body, @headers, Connection => 'close');
}

sub get {
    my ($self, $uri, @headers) = @_;
    return $self->client->request('GET', $uri, undef, @headers, Connection => 'close');
}

# --- what it logged ----------------------------------------------------------

# Drops an unfinished last line: where a line crosses the end of a page, the kernel shows its first
# part sooner than its end.
sub error_log  { return $_[0]->read_file('error.log') =~ s/[^\n]+\z//r }
sub access_log { return split /\n/, $_[0]->settle->read_file('access.log') }

# Lines that the error log gained while the code ran, without nginx's own remarks about callers that
# hang up and about workers, which can be at work before the master has logged that it has started
# them.
sub logged {
    my ($self, $code) = @_;

    my $before = length $self->settle->error_log;
    $code->();
    my @lines = split /\n/, substr $self->settle->error_log, $before;
    return grep { !/client (?:.* )?closed (?:keepalive )?connection|: start worker process/ } @lines;
}

# --- what every test file asserts --------------------------------------------

sub finish {
    my ($self) = @_;

    my @complaints = map { $_->complaints } values %{ $self->{peer} };
    $self->stop;
    return if !$self->{planned};

    my $log    = $self->error_log;
    my $output = $self->read_file('output');
    my @alerts = ($log =~ /^.*\[(?:alert|emerg)\].*$/mg, @{ $self->{bad_manners} || [] });
    @alerts = grep { !/\[emerg\] .*$self->{emerg}/ } @alerts if $self->{emerg};
    @alerts = grep { !/ exited on signal 9$/ } @alerts        if $self->{kills};
    my @sanitizer = sanitizer_lines("$log\n$output");

    is(join("\n", @alerts),     '', 'nginx logged no alert and left in good order');
    is(join("\n", @sanitizer),  '', 'no sanitizer complained')
        or diag(grep { !m{^\d{4}/\d\d/\d\d } } split /^/, "$log\n$output");
    is(join("\n", @complaints), '', "every push kept the rules of Flashduty's protocol");
    return;
}

sub sanitizer_lines {
    return $_[0] =~ /^.*(?:AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|==\d+== ).*$/mg;
}

END {
    local $?;
    $SIG{$_} = 'IGNORE' for qw(HUP INT TERM);
    for my $gateway (grep { $_->{owner} == $$ } @started) {
        eval { $gateway->finish; 1 } or print STDERR $@;
        $gateway->kill_all if $gateway->{pid};
        syswrite $gateway->{alive}, 'x' if $gateway->{alive};
    }
}

1;
