#!/usr/bin/perl
# A fleet at work on one machine: a PostgreSQL with a standby, three edges, a stand-in for Flashduty
# and five alerts a second, until Ctrl-C; and addresses by which each of them can be made to fail.
#
# usage: fleet.pl NGINX MODULE [PORT PORT PORT PORT PORT]
# The ports: of all edges together, of the edges a, b and c, and of this program; 8080 to 8084.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use FindBin;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use lib $FindBin::RealBin;
use Run;

my ($nginx, $module, @ports) = @ARGV;
@ports = 8080 .. 8084 if !@ports;
die "usage: fleet.pl NGINX MODULE [PORT PORT PORT PORT PORT]\n" if @ports != 5;

my @EDGES   = qw(a b c);
my %SERVERS = (one => 1, two => 2);      # of PostgreSQL, with the numbers of their sockets
my %port;
@port{'all', @EDGES, 'self'} = @ports;

my $BACK_AFTER_S = 10;                   # time for which a killed edge is down

$| = 1;
my $programs = programs()
    or die "needs PostgreSQL 13 or newer: install its server, Debian's package is postgresql\n";
for my $port (@ports) {
    die "port $port is in use: stop what listens there, or name five ports\n" if is_taken("127.0.0.1:$port");
}

my $dir = tempdir('flashduty-fleet-XXXXXX', TMPDIR => 1);
chmod 0755, $dir;
my %group;     # process groups by the names of what runs in them
my %back;      # edges that are down, with the time when they come back
my $primary = 'one';
my $stopping = 0;
my $owner = $$;
my $life;      # ends with this program: see guard()
# Told to stop at any moment, it takes along what it has started.
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { $stopping = 1 };
$SIG{PIPE} = 'IGNORE';
guard();

start_database();
start_nginx('flashduty', 'standin.conf', 'flashduty.conf');
start_edge($_) for @EDGES;
wait_for('no edge leads', \&leader);
my $control = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1:$port{self}", ReuseAddr => 1)
    or die "port $port{self}: $!\n";
send_alerts();
print_invitation();
serve() until $stopping;
print "\n", count();
exit 0;

# However this ends, nothing outlives it.
END {
    if (defined $owner && $$ == $owner) {
        local $?;
        end();
    }
}

# ---------------------------------------------------------------- processes

# Starts a program in a process group of its own, so that the terminal's Ctrl-C is not for it.
sub spawn {
    my ($log, $as, @command) = @_;
    my $pid = fork() // die "fork: $!\n";
    if ($pid) {
        # Both set it: neither need wait for the other.
        POSIX::setpgid($pid, $pid);
        return $pid;
    }
    POSIX::setpgid(0, 0);
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
    open STDIN,  '<',  '/dev/null';
    open STDOUT, '>>', $log;
    open STDERR, '>&', \*STDOUT;
    delete @ENV{ grep {/^PG/} keys %ENV };
    if (my ($uid, $gid) = @$as) {
        chdir $dir;
        $) = "$gid $gid";
        POSIX::setgid($gid);
        POSIX::setuid($uid);
    }
    exec @command or POSIX::_exit(127);
}

# Kills all processes of a name where they stand, as if its machine had died.
sub strike {
    my ($name) = @_;
    my $pid = delete $group{$name} or return;
    note_groups();
    kill 'STOP', $pid;    # it starts no others
    # Those of PostgreSQL are in groups of their own.
    kill 'KILL', children_of($pid), -$pid;
    waitpid $pid, 0;
}

sub children_of {
    my ($pid) = @_;
    my @children;
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $stat, '<', $file or next;
        push @children, $file =~ /(\d+)/ if (<$stat> // '') =~ /^\d+ \(.*\) \w $pid /;
    }
    return @children;
}

sub note_groups { spill("$dir/groups", join '', map {"$_\n"} values %group) }

# Where this program is killed, a process of its own ends what it has started.
sub guard {
    pipe my $watched, my $held or die "pipe: $!\n";
    my $pid = fork() // die "fork: $!\n";
    if ($pid) {
        $group{guard} = $pid;
        $life = $held;
        return;
    }
    close $held;
    $0 = 'fleet.pl: ends what is left';
    setpgrp;
    $SIG{$_} = 'IGNORE' for qw(INT TERM HUP);
    sysread $watched, my $nothing, 1;
    my @groups = -e "$dir/groups" ? split /\n/, slurp("$dir/groups") : ();
    kill 'KILL', map {-$_} grep { $_ != $$ } @groups;
    clear();
    POSIX::_exit(0);
}

sub end {
    my $guard = delete $group{guard};
    # The edges first: they know how to leave a database.
    for my $names ([ grep { !$SERVERS{$_} } keys %group ], [ grep { $SERVERS{$_} } keys %group ]) {
        kill $SERVERS{$_} ? 'QUIT' : 'TERM', $group{$_} for @$names;
        for my $name (@$names) {
            my $deadline = time + 10;
            sleep 0.05 until waitpid($group{$name}, WNOHANG) || time > $deadline;
            strike($name);
        }
    }
    clear();
    kill 'KILL', $guard if $guard;
}

# A process that was killed may need a moment to let its files go.
sub clear {
    for (1 .. 50) {
        remove_tree($dir, { error => \my $errors });
        last if !-e $dir;
        sleep 0.1;
    }
}

sub wait_for {
    my ($otherwise, $condition) = @_;
    for (1 .. 600) {
        return if $stopping || $condition->();
        sleep 0.1;
    }
    die ref $otherwise ? $otherwise->() : "$otherwise\n";
}

# ---------------------------------------------------------------- PostgreSQL

# Folder of the newest PostgreSQL's programs.
sub programs {
    my %found = map { m{\A(.*/(\d+)/bin)/} && $2 >= 13 ? ($2 => $1) : () } grep {-x}
        glob '/usr/lib/postgresql/*/bin/postgres';
    my ($newest) = sort { $b <=> $a } keys %found;
    return $found{$newest} if defined $newest;
    return (grep { -x "$_/postgres" && -x "$_/initdb" } split /:/, $ENV{PATH})[0];
}

sub start_database {
    make_folder("$dir/$_", 0755) for 'sockets', keys %SERVERS;
    run_database_program($primary, 'initdb', '-D', "$dir/$primary/data",
        qw(-U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions));
    start_server($primary);
    psql('postgres', '-c', q{CREATE DATABASE flashduty ENCODING 'UTF8' TEMPLATE template0});
    psql('flashduty', '-1', '-f', HERE . '/../fleet.sql');
    # So that the page shows the standbys.
    psql('flashduty', '-c', 'GRANT pg_monitor TO gateway');
    add_standby(other($primary));
}

# Runs one of PostgreSQL's programs to its end, as the server's user.
sub run_database_program {
    my ($server, $program, @arguments) = @_;
    my $pid = spawn("$dir/$server/log", [ nobody() ], "$programs/$program", @arguments);
    waitpid $pid, 0;
    die "$program fails:\n" . slurp("$dir/$server/log") if $? && !$stopping;
}

# Makes a folder for those who take root's place.
sub make_folder {
    my ($folder, $mode) = @_;
    mkdir $folder or die "$folder: $!\n";
    chmod $mode, $folder;
    hand_over($folder);
}

sub hand_over {
    my ($path) = @_;
    my @nobody = nobody();
    chown @nobody, $path if @nobody;
}

# Output of psql at the server that takes writes.
sub psql {
    my ($database, @arguments) = @_;
    local %ENV = (%ENV, PGCONNECT_TIMEOUT => 5);
    open my $output, '-|', 'sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh', "$programs/psql", '-XAtq',
        '-v', 'ON_ERROR_STOP=1', '-d', place_of($primary) . " dbname=$database", @arguments
        or die "psql: $!\n";
    my $text = join '', <$output>;
    close $output or $stopping or die "psql fails:\n$text";
    return $text;
}

sub place_of { my ($server) = @_; return "host=$dir/sockets port=$SERVERS{$server} user=postgres" }

sub other { my ($server) = @_; return (grep { $_ ne $server } keys %SERVERS)[0] }

# Writes a server's settings. Whether its commits wait for the other one is said once that is there.
sub configure {
    my ($server, %settings) = @_;
    my %all = (
        listen_addresses        => '',
        unix_socket_directories => "$dir/sockets",
        port                    => $SERVERS{$server},
        cluster_name            => $server,
        fsync                   => 'off',             # all of it is thrown away
        shared_buffers          => '32MB',
        wal_retrieve_retry_interval => '200ms',
        primary_conninfo        => place_of(other($server)) . " application_name=$server",
        %settings,
    );
    write_data($server, 'postgresql.auto.conf', join '', map {"$_ = '$all{$_}'\n"} sort keys %all);
}

sub write_data {
    my ($server, $name, $content) = @_;
    my $path = "$dir/$server/data/$name";
    spill("$path.new", $content);
    hand_over("$path.new");
    rename "$path.new", $path or die "$path: $!\n";
}

sub start_server {
    my ($server, %settings) = @_;
    configure($server, %settings);
    my $log = "$dir/$server/log";
    $group{$server} = spawn($log, [ nobody() ], "$programs/postgres", '-D', "$dir/$server/data");
    note_groups();
    wait_for(sub { "PostgreSQL does not start:\n" . slurp($log) }, sub { is_ready($server) });
}

# The server says so in its lock file.
sub is_ready {
    my ($server) = @_;
    my $file = "$dir/$server/data/postmaster.pid";
    my @lines = -e $file ? split /\n/, slurp($file) : ();
    return ($lines[0] // 0) == $group{$server} && ($lines[7] // '') =~ /^ready/;
}

# Makes a server a standby of the one that takes writes, whose commits wait for it from now on.
sub add_standby {
    my ($server) = @_;
    remove_tree("$dir/$server/data");
    run_database_program($server, 'pg_basebackup', '-D', "$dir/$server/data", '-d', place_of($primary),
        qw(-c fast -X stream --no-sync));
    write_data($server, 'standby.signal', '');
    my %synchronous = (synchronous_standby_names => 'ANY 1 (one, two)');
    start_server($server, %synchronous);
    configure($primary, %synchronous);
    kill 'HUP', $group{$primary};
    wait_for('the standby does not follow', sub {
        psql('postgres', '-c', q{SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'}) >= 1;
    });
}

# ---------------------------------------------------------------- nginx

sub start_nginx {
    my ($name, @confs) = @_;
    my %value = (
        DIR    => $dir,
        EDGE   => $name,
        MODULE => abs_path($module),
        SHARED => "127.0.0.1:$port{all}",
        OWN    => '127.0.0.1:' . ($port{$name} // ''),
    );
    if (!-e "$dir/$name") {
        make_folder("$dir/$name", 0755);
        make_folder("$dir/$name/spool", 0700);
        symlink "$dir/sockets", "$dir/$name/db";
    }
    spill($_ eq 'standin.conf' ? "$dir/$_" : "$dir/$name/$_", conf_for($_, %value)) for @confs;
    my $log = "$dir/$name/error.log";
    my $pid = $group{$name} = spawn("$dir/$name/output", [], $nginx, '-p', "$dir/$name", '-e', $log,
        '-c', "$dir/$name/$confs[-1]");
    note_groups();
    wait_for('nginx did not start', sub {
        return 1 if -s "$dir/$name/nginx.pid" && slurp("$dir/$name/nginx.pid") == $pid;
        die "nginx did not start\n" . complaints($log) if waitpid($pid, WNOHANG) == $pid;
        return 0;
    });
}

sub start_edge { my ($edge) = @_; start_nginx($edge, 'edge.conf') }

# What an edge says of its fleet; nothing when it does not answer.
sub fleet_at {
    my ($edge) = @_;
    my $answer = HTTP::Tiny->new(timeout => 2)->get("http://127.0.0.1:$port{$edge}/",
        { headers => { Accept => 'application/json' } });
    return $answer->{success} ? decode_json($answer->{content})->{fleet} : undef;
}

# The edge that delivers for all.
sub leader {
    my %term;
    for my $edge (grep { $group{$_} } @EDGES) {
        my $fleet = fleet_at($edge);
        $term{$edge} = $fleet->{term} if $fleet && $fleet->{leader};
    }
    return (sort { $term{$b} <=> $term{$a} } keys %term)[0];
}

# ---------------------------------------------------------------- alerts

# BlueKing: an alert and its end by turns, five a second, each sent again until it is taken; what was
# taken is written down.
sub send_alerts {
    my $pid = fork() // die "fork: $!\n";
    if ($pid) {
        $group{sender} = $pid;
        note_groups();
        return;
    }
    $0 = 'fleet.pl: BlueKing';
    setpgrp;
    close $life;
    close $control;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    my @bodies = map { slurp(HERE . "/$_.json") } 'trigger', 'recovery';
    # With each connection the kernel chooses an edge anew.
    my $http = HTTP::Tiny->new(timeout => 5, keep_alive => 0);
    open my $taken, '>>', "$dir/taken.log";
    $taken->autoflush;
    for (my $n = 0; ; $n++) {
        my $key  = sprintf 'demo-%06d', $n / 2;
        my $body = $bodies[ $n % 2 ] =~ s/17161930461000001/$key/gr;
        my $answer = { success => 0 };
        until ($answer->{success}) {
            $answer = $http->post("http://127.0.0.1:$port{all}/blueking", { content => $body });
            sleep 0.2 if !$answer->{success};
        }
        print {$taken} "$key-" . ($n % 2) . " $answer->{status}\n";
        sleep 0.2;
    }
}

# Alerts that were answered with 2xx, and what became of them. One that an edge kept while another
# delivered the end of its alert is a dead letter: it would open what nothing closes.
sub count {
    my %taken = -e "$dir/taken.log" ? map { split / / } split /\n/, slurp("$dir/taken.log") : ();
    my %is_dead = map { $_ => 1 } split /\n/, eval {
        psql('flashduty', '-c', q{SELECT alert_key || CASE status WHEN 'Ok' THEN '-1' ELSE '-0' END FROM flashduty.dead});
    } // '';
    my %is_there;
    for my $event (-e "$dir/events.log" ? split /\n/, slurp("$dir/events.log") : ()) {
        my ($key) = $event =~ /"alert_key":"(demo-\d+)"/ or next;
        $is_there{ "$key-" . ($event =~ /"event_status":"Ok"/ ? 1 : 0) } = 1;
    }
    my $all     = keys %taken;
    my $spooled = grep { $_ == 202 } values %taken;
    my $there   = grep { $is_there{$_} } keys %taken;
    my $dead    = grep { $is_dead{$_} && !$is_there{$_} } keys %taken;
    return "$all alerts were answered with 2xx, $spooled of them with 202. Of these $all\n"
        . "  $there are at Flashduty\n"
        . "  $dead came behind the end of their alert, and are dead letters\n"
        . '  ' . ($all - $there - $dead) . " are on their way\n";
}

# ---------------------------------------------------------------- what can be made to fail

sub kill_leader {
    my $edge = leader() or return "no edge leads at the moment\n";
    strike($edge);
    $back{$edge} = time + $BACK_AFTER_S;
    return "edge $edge, which led, is dead; another one takes over in 5 seconds, and it is back in "
        . "$BACK_AFTER_S\n";
}

sub fail_over {
    my $old = $primary;
    strike($old);
    $primary = other($old);
    # Its commits wait until there is a standby again.
    psql('postgres', '-c', 'SELECT pg_promote(true, 30)');
    add_standby($old);
    return "the primary, $old, has died; $primary was promoted, and $old is its standby now\n";
}

sub cut_off {
    my ($edge) = ($_[0] // '') =~ /^edge=(\w)$/;
    return "which one? /cut-off?edge=a, b or c\n" if !$edge || !grep { $_ eq $edge } @EDGES;
    my $way = "$dir/$edge/db";
    if (!-l $way) {
        symlink "$dir/sockets", $way or die "$way: $!\n";
        return "edge $edge reaches the database again\n";
    }
    unlink $way or die "$way: $!\n";
    psql('postgres', '-c', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
            . "WHERE application_name = 'flashduty/$edge'");
    return "edge $edge does not reach the database any more: it keeps what it takes, and from 10 "
        . "seconds on delivers it itself\n";
}

sub flashduty_down {
    return "the stand-in for Flashduty comes back\n" if unlink "$dir/down";
    spill("$dir/down", '');
    return "the stand-in for Flashduty fails from now on\n";
}

# How all of it is.
sub state_of_all {
    my $text = '';
    for my $edge (@EDGES) {
        my $fleet = $group{$edge} && fleet_at($edge) || { mode => 'dead' };
        $text .= "edge $edge: $fleet->{mode}";
        $text .= ', delivers for all' if $fleet->{leader};
        $text .= ', without the database' if defined $fleet->{up} && !$fleet->{up};
        $text .= ", $fleet->{local_events} on its own disk" if $fleet->{local_events};
        $text .= "\n";
    }
    return $text . "primary: $primary\n" . count();
}

# What is done for a POST to a path.
sub order_for {
    my ($path) = @_;
    my %orders = (
        '/kill-leader'    => \&kill_leader,
        '/fail-over'      => \&fail_over,
        '/cut-off'        => \&cut_off,
        '/flashduty-down' => \&flashduty_down,
    );
    return $orders{$path};
}

# Serves one request, or brings an edge back whose time has come.
sub serve {
    for my $edge (grep { $back{$_} <= time } keys %back) {
        delete $back{$edge};
        start_edge($edge);
        print "edge $edge is back\n";
    }
    return if !IO::Select->new($control)->can_read(0.2);
    my $caller = $control->accept or return;
    my ($method, $path, $arguments) = request_of($caller) or return;
    my $order = order_for($path);
    my ($status, $text)
        = $path eq '/'      ? ('200 OK', state_of_all())
        : !$order           ? ('404 Not Found', "nothing is there\n")
        : $method ne 'POST' ? ('405 Method Not Allowed', "POST it: curl -X POST\n")
        :                     ('200 OK', eval { $order->($arguments) } // "that failed: $@");
    print $text if $order;
    print {$caller} "HTTP/1.1 $status\r\nContent-Type: text/plain\r\nContent-Length: ",
        length($text), "\r\nConnection: close\r\n\r\n$text";
    close $caller;
}

# Method, path and arguments of a request; nothing when its caller does not send one.
sub request_of {
    my ($caller) = @_;
    my $head = '';
    until ($head =~ /\r?\n\r?\n/) {
        return if length $head > 8192 || !IO::Select->new($caller)->can_read(2);
        return if !sysread $caller, $head, 4096, length $head;
    }
    return $head =~ m{^([A-Z]+) ([^ ?]+)(?:\?(\S*))? HTTP/};
}

sub print_invitation {
    my $here = HERE;
    my $self = "http://127.0.0.1:$port{self}";
    my $leader = leader() // '?';
    print <<"END";

Three edges share a PostgreSQL that has a standby. Edge $leader delivers for all of them to a stand-in
for Flashduty. Five alerts a second come in, at any of them. Ctrl-C ends it all. The edges' pages:

  http://127.0.0.1:$port{a}/    http://127.0.0.1:$port{b}/    http://127.0.0.1:$port{c}/

How they are, and whether anything is lost:

  curl $self/

An alert of your own, to any edge, or to the one that the kernel chooses:

  curl -d \@$here/trigger.json http://127.0.0.1:$port{b}/blueking
  curl -d \@$here/trigger.json http://127.0.0.1:$port{all}/blueking

Make something fail, and watch the pages:

  curl -X POST $self/kill-leader         # the edge that delivers dies, for 10 seconds
  curl -X POST $self/fail-over           # the primary dies, the standby is promoted
  curl -X POST $self/cut-off?edge=b      # edge b loses the database; once more: it is back
  curl -X POST $self/flashduty-down      # Flashduty takes nothing; once more: it does
END
}
