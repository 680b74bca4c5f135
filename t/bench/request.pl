#!/usr/bin/perl
# Counts what the module adds to a request, in instructions: those of a worker that answers REQUESTS
# alerts, less those of one that passes the same bodies on by proxy_pass. Holds them against the
# figures kept.
#
# usage: request.pl check|update|show NGINX MODULE FOLDER KEPT
#
# FOLDER holds bodies/ and gets callgrind's dumps, FOLDER/request/SIZE.module and SIZE.floor.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use lib abs_path(dirname(__FILE__)) . '/lib';

use Contenders;

use constant {
    MOST_GROWTH => 0.05,
    REQUESTS    => 1000,
    WARM        => 20,
    SIZES       => [qw(1k 3k 16k)],
    FLOOR       => 'proxy_pass',
    MODULE      => 'this module',
};

# What a figure sums up, by the object that the instructions are in.
my @COLUMNS = qw(own module yajl others all);

my ($mode, $nginx, $module, $folder, $kept) = @ARGV;
die "usage: request.pl check|update|show NGINX MODULE FOLDER KEPT\n" if !defined $kept;
$module = abs_path($module);
my $dumps = "$folder/request";
remove_tree($dumps);
make_path($dumps);

my $peer  = start_passing_peer($nginx);
my %added = map { $_ => added($_) } @{ SIZES() };
my $table = table();
print $table;
if ($mode eq 'update') {
    spill($kept, made_with() . before() . $table);
} elsif ($mode eq 'check') {
    hold_against_kept();
}

# ---------------------------------------------------------------- counting

# Instructions per request, by column.
sub added {
    my ($size) = @_;
    my $with    = per_request(MODULE, $size, "$dumps/$size.module");
    my $without = per_request(FLOOR,  $size, "$dumps/$size.floor");
    my %sum = map { $_ => 0 } @COLUMNS;
    for my $object (keys %{ { %$with, %$without } }) {
        my $more   = ($with->{$object} // 0) - ($without->{$object} // 0);
        my $column = $object =~ /ngx_http_flashduty_module/ ? 'module' : $object =~ /libyajl/ ? 'yajl' : 'others';
        $sum{$column} += $more;
        $sum{all} += $more;
    }
    $sum{own} = $sum{module} + $sum{yajl};
    return \%sum;
}

# What starting and stopping takes falls out of the difference.
sub per_request {
    my ($contender, $size, $dump) = @_;
    my $few  = counted($contender, $size, WARM,            "$dump.few");
    my $many = counted($contender, $size, WARM + REQUESTS, $dump);
    return { map { $_ => ($many->{$_} - ($few->{$_} // 0)) / REQUESTS } keys %$many };
}

# By object.
sub counted {
    my ($contender, $size, $requests, $dump) = @_;
    local $ENV{LD_BIND_NOW} = 1;
    my $instance = start_contender($contender, $peer, $module, COMMAND => [
        qw(valgrind -q --tool=callgrind), "--callgrind-out-file=$dump.%p", $nginx,
    ]);
    post($instance, Instance::slurp("$folder/bodies/$size.json"), $requests);
    my $worker = $instance->worker;
    undef $instance;    # callgrind writes at the end of the process
    rename "$dump.$worker", $dump or die "callgrind has left no $dump.$worker: $!\n";
    unlink glob "$dump.*[0-9]";
    return by_object($dump);
}

# One request after the other, over one connection.
sub post {
    my ($instance, $body, $requests) = @_;
    my $request = "POST /blueking HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $instance->{port})
        or die "no connection: $!\n";
    $socket->autoflush(1);
    for (1 .. $requests) {
        print {$socket} $request or die "cannot send: $!\n";
        my $answer = '';
        while ($answer !~ /\r\n\r\n/ || length($') < ($answer =~ /^Content-Length: (\d+)/mi)[0]) {
            sysread $socket, $answer, 1 << 16, length $answer or die "no answer: $answer\n";
        }
        die "not taken: $answer\n" if $answer !~ m{^HTTP/1.1 200 };
    }
    return;
}

sub by_object {
    my ($path) = @_;
    my (%cost, %name, $object);
    open my $file, '<', $path or die "$path: $!\n";
    while (my $line = <$file>) {
        if ($line =~ /^ob=\((\d+)\)(?: (.*))?/) {
            $name{$1} = $2 if defined $2;
            $object = $name{$1};
        } elsif ($line =~ /^c?ob=\((\d+)\) (.*)/) {
            $name{$1} = $2;
        } elsif ($line =~ /^calls=/) {
            <$file>;    # what the callee takes is its own
        } elsif ($line =~ /^[-+*\d]\S* (\d+)$/) {
            $cost{$object} += $1;
        }
    }
    close $file or die "$path: $!\n";
    return \%cost;
}

# ---------------------------------------------------------------- showing

sub table {
    my $text = sprintf "%-6s %8s %8s %8s %8s %8s\n", 'body', @COLUMNS;
    $text .= sprintf "%-6s %8d %8d %8d %8d %8d\n", $_, @{ $added{$_} }{@COLUMNS} for @{ SIZES() };
    return $text;
}

sub made_with {
    my ($compiler) = split /\n/, `g++ --version`;
    my ($version)  = `$nginx -v 2>&1` =~ m{(nginx/\S+)};
    return "# Instructions that the module adds to a request, as \"make bench-core-update\" has counted them with\n"
        . "# $compiler, $version. own: in the module and in yajl; others: nginx and the libraries.\n";
}

# What an earlier release took, counted in one run with what the file said then.
sub before {
    return -e $kept ? join '', Instance::slurp($kept) =~ /^# \d+\.\d+\.\d+.*\n/mg : '';
}

sub hold_against_kept {
    my $text  = Instance::slurp($kept);
    my %known = map { my ($name, $own) = split; $name => $own } grep { !/^#|^body/ } split /\n/, $text;
    my @complaints;
    for my $size (@{ SIZES() }) {
        my $growth = $added{$size}{own} / ($known{$size} // die "$size has no figure\n") - 1;
        push @complaints, sprintf "%s: the module adds %d instructions, %+.1f %%\n", $size,
            $added{$size}{own}, 100 * $growth
            if $growth > MOST_GROWTH;
    }
    return if !@complaints;
    print "\n", @complaints, "kept:\n$text";
    print "what is meant to cost more: make bench-core-update, in a commit of its own\n";
    exit 1;
}

sub spill {
    my ($path, $content) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file $content;
    close $file or die "$path: $!\n";
}
