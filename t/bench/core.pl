#!/usr/bin/perl
# Counts the instructions of the core for each body, and holds them against the figures kept.
#
# usage: core.pl check|update CORE_BENCH FOLDER KEPT
#
# FOLDER holds bodies/ and gets callgrind's dumps: "callgrind_annotate --auto=no
# FOLDER/callgrind/3k.core" tells where the instructions are. valgrind shows every program the same processor, so with the
# same compiler and libraries the counts are the same on any machine that has AVX2.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname basename);
use File::Path qw(make_path remove_tree);

use constant MOST_GROWTH => 0.05;

my $PAYLOADS = abs_path(dirname(__FILE__) . '/../payloads');
my @SIZES    = qw(1k 3k 16k 200k 2m);
my @GUARDED  = qw(core in-two);    # a body in one of nginx's buffers, and in two

my ($mode, $program, $folder, $kept) = @ARGV;
die "usage: core.pl check|update CORE_BENCH FOLDER KEPT\n" if !defined $kept;

my @paths = ((map {"$folder/bodies/$_.json"} @SIZES), glob "$PAYLOADS/*.json");
my @names = map { basename($_, '.json') } @paths;

my $counts = counted("$folder/callgrind");
my %memory = map { my ($name, @rest) = split; $name => \@rest } lines_of('memory');
my $table  = table();
print $table;
print_targets();
if ($mode eq 'update') {
    spill($kept, made_with() . $table);
} else {
    hold_against_kept();
}

# ---------------------------------------------------------------- counting

# Instructions per run by body and way.
sub counted {
    my ($dumps) = @_;
    remove_tree($dumps);
    make_path($dumps);
    local $ENV{LD_BIND_NOW} = 1;
    my @command = (
        qw(valgrind -q --tool=callgrind --collect-atstart=no), "--callgrind-out-file=$dumps/out",
        $program, 'count', @paths,
    );
    system(@command) == 0 or die "callgrind has failed\n";

    my %instructions;
    for my $dump (glob "$dumps/out.*") {
        my $text = slurp($dump);
        my ($name, $way, $rounds) = $text =~ /^desc: Trigger: Client Request: (\S+) (\S+) (\d+)$/m
            or next;
        my ($total) = $text =~ /^totals: (\d+)$/m or die "$dump: no totals\n";
        $instructions{$name}{$way} = $total / $rounds;
        # Removes the dump's counts of the callers, which callgrind_annotate would take for their
        # own.
        $text =~ s/^(calls=0 .*\n\S+) \d+$/$1 0/mg;
        spill("$dumps/$name.$way", $text);
        unlink $dump or die "$dump: $!\n";
    }
    $instructions{$_}{core} or die "nothing was counted for $_\n" for @names;
    return \%instructions;
}

sub lines_of {
    my ($way) = @_;
    open my $output, '-|', $program, $way, @paths or die "$program: $!\n";
    my @lines = <$output>;
    close $output or die "$program $way has failed\n";
    return @lines;
}

# ---------------------------------------------------------------- showing

# yajl reads no NaN.
sub ratio {
    my ($name) = @_;
    return if !$memory{$name}[4];
    return $counts->{$name}{core} / $counts->{$name}{callbacks};
}

sub per_byte { return $counts->{ $_[0] }{core} / $memory{ $_[0] }[0] }

sub table {
    my $text = sprintf "%-33s %8s %10s %10s %9s %9s %9s %6s %6s\n", qw(body bytes core in-two
        per-byte yajl callbacks ratio blocks);
    for my $name (@names) {
        my ($bytes, undef, $blocks) = @{ $memory{$name} };
        my $ratio = ratio($name);
        $text .= sprintf "%-33s %8d %10d %10d %9.1f %9s %9s %6s %6d\n", $name, $bytes,
            @{ $counts->{$name} }{@GUARDED}, per_byte($name),
            defined $ratio
            ? (int $counts->{$name}{yajl}, int $counts->{$name}{callbacks}, sprintf '%.2f', $ratio)
            : ('-') x 3,
            $blocks;
    }
    return $text;
}

sub print_targets {
    my @targets = (
        [ 'core over yajl with empty callbacks, 3 KB',  ratio('3k'),  1.4 ],
        [ 'core over yajl with empty callbacks, 16 KB', ratio('16k'), 1.1 ],
        map { [ "per byte, $_ over 16k", per_byte($_) / per_byte('16k'), 1.1 ] } qw(200k 2m),
    );
    print "\n";
    printf "%-45s %6.2f  (at most %.1f)%s\n", @$_, $_->[1] > $_->[2] ? '  MISSED' : '' for @targets;
    return;
}

# ---------------------------------------------------------------- what is kept

sub made_with {
    my ($compiler) = split /\n/, `g++ --version`;
    my $libraries = join ', ',
        map { my ($version) = `dpkg-query -W -f '\${Version}' $_`; "$_ $version" } qw(libc6 libyajl2);
    return "# Instructions of one body, as \"make bench-core-update\" has counted them with\n"
        . "# $compiler, $libraries.\n";
}

sub hold_against_kept {
    my $text  = slurp($kept);
    my %known = map { my ($name, undef, @counts) = split; $name => \@counts } $text =~ /^[^#].*/mg;
    my @complaints = map { complaints_of($_, $known{$_}) } @names;
    return if !@complaints;
    my ($was) = $text =~ /((?:^#.*\n)*)/m;
    my $is = made_with();
    print "\n", @complaints, $was eq $is ? '' : "kept:\n${was}now:\n$is";
    print "what is meant to cost more: make bench-core-update, in a commit of its own\n";
    exit 1;
}

sub complaints_of {
    my ($name, $known) = @_;
    return "$name has no figure\n" if !$known;
    my @complaints;
    for my $i (0 .. $#GUARDED) {
        my $now    = $counts->{$name}{ $GUARDED[$i] };
        my $growth = $now / $known->[$i] - 1;
        push @complaints, sprintf "%s, %s: %d instructions, %+.1f %%\n", $name, $GUARDED[$i], $now,
            100 * $growth
            if $growth > MOST_GROWTH;
    }
    return @complaints;
}

# ---------------------------------------------------------------- files

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

sub spill {
    my ($path, $content) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file $content;
    close $file or die "$path: $!\n";
}
