package Postgres;

# A PostgreSQL of a test's own, in a folder and on a port of its own: a primary, and standbys copied
# from it. It runs as nobody where the test is root, and ends with the test, killed or not.

use strict;
use warnings;

use File::Path qw(remove_tree);
use File::Temp;
use POSIX ();
use Test::More import => [qw(plan)];

use Gateway;

use constant USER => 'flashduty';

# Settings of all servers. What is killed here is a process and not the machine, so nothing needs a
# sync; a bench asks for them.
my %COMMON = (
    listen_addresses        => '127.0.0.1',
    unix_socket_directories => '',
    fsync                   => 'off',
    shared_buffers          => '32MB',
    max_connections         => 100,
    max_wal_senders         => 8,
    wal_keep_size           => '256MB',
    wal_log_hints           => 'on',
    hot_standby             => 'on',
    autovacuum_naptime      => '5s',
    log_min_messages        => 'warning',
    # A standby finds its primary again at once.
    wal_retrieve_retry_interval => '200ms',
    wal_receiver_status_interval => '1s',
);

my @started;

# Folder of the programs of the newest PostgreSQL that is installed, if there is one.
sub programs {
    my %found = map { m{\A(.*/(\d+)/bin)/} ? ($2 => $1) : () } grep {-x} glob '/usr/lib/postgresql/*/bin/postgres';
    my ($newest) = sort { $b <=> $a } keys %found;
    return defined $newest ? $found{$newest} : undef;
}

# Skips a test file where there is none.
sub or_skip {
    my ($class) = @_;

    plan(skip_all => 'needs a PostgreSQL server: postgresql') if !programs();
    return $class;
}

# --- servers -----------------------------------------------------------------

# name: how standbys and log lines call it; settings: {} of its postgresql.conf
sub start {
    my ($class, %server) = @_;

    my $self = $class->make(%server);
    $self->run('initdb', '-D', $self->data, '-U', USER, qw(-A trust -E UTF8 --locale=C --no-sync --no-instructions));
    return $self->configure->go;
}

# A standby of this one. Also: port (where it finds its primary, unless directly).
sub standby {
    my ($self, %server) = @_;

    my $standby = ref($self)->make(settings => { %{ $self->{settings} } }, %server);
    $standby->run('pg_basebackup', '-D', $standby->data, '-d', $self->conninfo('postgres'), qw(-c fast -X stream --no-sync));
    $standby->{primary} = $standby->{port} // $self->port;
    return $standby->configure->go;
}

sub make {
    my ($class, %server) = @_;

    my $self = bless {
        settings => {}, name => 'primary', %server,
        folder => File::Temp->newdir('postgres.XXXXXX', TMPDIR => 1, CLEANUP => 0),
        held   => Gateway::held_port(),
        owner  => $$,
    }, $class;
    # The server refuses root.
    $self->{nobody} = [ (getpwnam 'nobody')[2, 3] ] if $> == 0;
    chown @{ $self->{nobody} }, $self->folder if $self->{nobody};
    $self->guard;
    push @started, $self;
    return $self;
}

sub name   { return $_[0]{name} }
sub folder { return "$_[0]{folder}" }
sub data   { return "$_[0]{folder}/data" }
sub port   { return $_[0]{held}->sockport }
sub pid    { return $_[0]{pid} }

sub conninfo {
    my ($self, $database) = @_;
    return sprintf 'host=127.0.0.1 port=%d user=%s dbname=%s', $self->port, USER, $database // 'postgres';
}

# Settings, as far as they are not those of before.
sub configure {
    my ($self, %settings) = @_;

    %{ $self->{settings} } = (%{ $self->{settings} }, %settings);
    my %all = (%COMMON, %{ $self->{settings} }, port => $self->port, cluster_name => $self->name);
    $all{primary_conninfo} = sprintf 'host=127.0.0.1 port=%d user=%s application_name=%s', $self->{primary}, USER, $self->name
        if $self->{primary};
    $self->write('postgresql.auto.conf', map {"$_ = '$all{$_}'\n"} sort keys %all);
    $self->write('standby.signal') if $self->{primary} && !$self->{pid};
    kill 'HUP', $self->{pid} if $self->{pid};
    return $self;
}

sub write {
    my ($self, $name, @lines) = @_;

    my $path = $self->data . "/$name";
    open my $file, '>', "$path.new" or die "cannot write $path: $!\n";
    print {$file} @lines;
    close $file or die "cannot write $path: $!\n";
    chown @{ $self->{nobody} }, "$path.new" if $self->{nobody};
    rename "$path.new", $path or die "cannot write $path: $!\n";
    return;
}

# Starts the server; it answers when this returns.
sub go {
    my ($self) = @_;

    $self->{pid} = $self->spawn('postgres', '-D', $self->data);
    return $self if eventually { $self->is_ready || $self->has_ended } and $self->{pid};
    die 'PostgreSQL does not start: ' . $self->log . "\n";
}

# Output of a program of PostgreSQL that must succeed.
sub run {
    my ($self, @command) = @_;

    my $pid = $self->spawn(@command);
    waitpid $pid, 0;
    die "@command fails: " . $self->log . "\n" if $?;
    return;
}

# The server says so in its lock file.
sub is_ready {
    my ($self) = @_;

    open my $file, '<', $self->data . '/postmaster.pid' or return;
    my @lines = <$file>;
    return ($lines[0] // 0) == $self->{pid} && ($lines[7] // '') =~ /^ready/;
}

sub spawn {
    my ($self, $program, @arguments) = @_;

    my $pid = fork // die "cannot fork: $!\n";
    return $pid if $pid;

    setpgrp;    # the terminal's Ctrl-C is not for it
    open STDIN,  '<',  '/dev/null';
    open STDOUT, '>>', $self->folder . '/log';
    open STDERR, '>&', \*STDOUT;
    delete @ENV{ 'LD_PRELOAD', grep {/^(?:PG|FAKETIME)/} keys %ENV };
    chdir $self->folder;
    if (my ($uid, $gid) = @{ $self->{nobody} || [] }) {
        $) = "$gid $gid";
        POSIX::setgid($gid);
        POSIX::setuid($uid);
    }
    exec programs() . "/$program", @arguments or POSIX::_exit(127);
}

sub log {
    my ($self) = @_;

    open my $file, '<', $self->folder . '/log' or return '';
    local $/ = undef;
    return readline($file) // '';
}

# --- asking it ---------------------------------------------------------------

# Rows of a statement, with "|" between columns; or what it complains of. In place of a database's
# name other parameters may be given.
sub sql {
    my ($self, $sql, $database) = @_;
    return $self->psql($database, '-c', $sql) =~ s/\n\z//r;
}

# What psql prints, complaints included.
sub psql {
    my ($self, $database, @arguments) = @_;

    local %ENV = (%ENV, PGCONNECT_TIMEOUT => 5);
    delete $ENV{LD_PRELOAD};
    open my $output, '-|', 'sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh', programs() . '/psql', '-XAtq', '-v', 'ON_ERROR_STOP=1',
        '-d', $self->conninfo($database), @arguments
        or die "cannot run psql: $!\n";
    local $/ = undef;
    my $text = readline($output) // '';
    close $output;
    return $text;
}

# True once so many standbys confirm what is written here.
sub has_standbys {
    my ($self, $count) = @_;
    return eventually { $self->sql(q{SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'}) >= $count };
}

# Byte of its log up to which a standby has received.
sub received { return $_[0]->sql(q{SELECT coalesce(pg_last_wal_receive_lsn(), '0/0') - '0/0'::pg_lsn}) }

# --- what becomes of it ------------------------------------------------------

# A standby becomes a primary.
sub promote {
    my ($self) = @_;

    delete $self->{primary};
    $self->sql('SELECT pg_promote(true, 30)');
    return eventually { $self->sql('SELECT pg_is_in_recovery()') eq 'f' };
}

# A standby follows the server at another port.
sub follow {
    my ($self, $port) = @_;

    $self->{primary} = $port;
    return $self->configure;
}

# Makes a server that was stopped or killed, once a primary, a standby of another: a fresh copy.
sub come_back_as_standby {
    my ($self, $primary, $port) = @_;

    $self->kill_all if $self->{pid};
    remove_tree($self->data);
    $self->run('pg_basebackup', '-D', $self->data, '-d', $primary->conninfo, qw(-c fast -X stream --no-sync));
    $self->{primary} = $port // $primary->port;
    return $self->configure->go;
}

# Processes of the server besides the first.
sub children {
    my ($self) = @_;
    return map { m{^/proc/(\d+)/} } grep { Gateway::parent_of($_) == $self->{pid} } glob '/proc/[0-9]*/stat';
}

# Process of the server whose title holds a text: walreceiver, checkpointer.
sub process {
    my ($self, $text) = @_;
    return (grep { title($_) =~ /$text/ } $self->children)[0];
}

sub title {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/cmdline" or return '';
    return readline($file) // '';
}

# Stops all of it where it stands, as a machine that hangs; and lets it go on.
sub freeze {
    my ($self) = @_;

    kill 'STOP', $self->{pid};    # first, since it starts others
    kill 'STOP', $self->children;
    return $self;
}

sub thaw {
    my ($self) = @_;

    kill 'CONT', $self->children, $self->{pid};
    return $self;
}

# kill -9 for all of it, as a machine that dies; go() starts it again.
sub kill_all {
    my ($self) = @_;

    my $pid = $self->{pid} or return $self;
    kill 'STOP', $pid;
    kill 'KILL', $self->children, $pid;
    return $self->wait;
}

# Ends it as an operator does, without waiting for its clients.
sub stop {
    my ($self) = @_;

    kill 'INT', $self->{pid} or return $self;
    eventually { $self->has_ended } or $self->kill_all;
    return $self;
}

sub has_ended {
    my ($self) = @_;

    return 1 if !$self->{pid};
    return   if waitpid($self->{pid}, POSIX::WNOHANG) != $self->{pid};
    delete $self->{pid};
    return 1;
}

sub wait {
    my ($self) = @_;

    waitpid delete $self->{pid}, 0;
    return $self;
}

# A test that is killed takes its server along: the kernel tells a process that watches it.
sub guard {
    my ($self) = @_;

    pipe my $watched, $self->{alive} or die "cannot pipe: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    return $self->{guard} = $pid if $pid;

    setpgrp;
    # Others wait for the end of pipes whose ends were inherited.
    POSIX::close($_) for grep { $_ != fileno $watched } 3 .. 1023;
    $SIG{$_} = 'IGNORE' for qw(HUP INT TERM PIPE);
    if (!sysread $watched, my $word, 1) {
        open my $file, '<', $self->data . '/postmaster.pid' or POSIX::_exit(0);
        ($self->{pid}) = readline($file) =~ /(\d+)/ or POSIX::_exit(0);
        kill 'STOP', $self->{pid};
        kill 'KILL', $self->children, $self->{pid};
        remove_tree($self->folder);
    }
    POSIX::_exit(0);
}

# Ends it and removes all that it wrote.
sub finish {
    my ($self) = @_;

    return if !$self->{alive};
    $self->kill_all;
    syswrite delete $self->{alive}, 'x';
    waitpid $self->{guard}, 0;
    remove_tree($self->folder);
    return;
}

END {
    local $?;
    $_->finish for grep { $_->{owner} == $$ } @started;
}

1;
