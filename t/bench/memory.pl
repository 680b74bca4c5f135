#!/usr/bin/perl
# What a worker takes of memory, one request at a time: its peak for single bodies, and what is left
# after a million of them. Fails where it is too much.
#
# usage: memory.pl MODULE FOLDER
# REQUESTS in the environment: another number than a million.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use lib abs_path(dirname(__FILE__)) . '/lib';

use Contenders;
use Load;

use constant {
    FEW_REQUESTS  => 10_000,
    MOST_KB       => 1024,
    PER_STRING    => 4,
    MOST_DRIFT_KB => 1024,
    SLICE_SECONDS => 5,
};

my $PAYLOADS = abs_path(dirname(__FILE__) . '/../payloads');

my ($module, $folder) = @ARGV;
die "usage: memory.pl MODULE FOLDER\n" if !defined $folder;
my $most_requests = $ENV{REQUESTS} || 1_000_000;

my $peer   = start_peer();
my $misses = 0;
for my $buffer_kb (16, 4096) {
    printf "\n%-28s %9s %9s %9s   client_body_buffer_size %dk\n", qw(body bytes peak-KB most-KB), $buffer_kb;
    show_peak(@$_, $buffer_kb) for bodies();
}
show_drift();
exit($misses ? 1 : 0);

sub gateway {
    my ($buffer_kb) = @_;
    return start_contender('this module', $peer, abs_path($module), BODY_BUFFER => "${buffer_kb}k");
}

# ---------------------------------------------------------------- single bodies

sub bodies {
    my $begin = '{"event":{"id":"a"},"description":"';
    my @files = ((map {"$folder/bodies/$_.json"} qw(16k 200k 2m)), "$PAYLOADS/related_info_30k.json");
    return (
        (map { [ basename($_, '.json'), Instance::slurp($_) ] } @files),
        [ 'a text of 200 KB',         filled(200 << 10, $begin, 'text ', '"}') ],
        [ 'a text of 2 MB',           filled(2 << 20,   $begin, 'text ', '"}') ],
        [ 'escapes of 2 MB',          filled(2 << 20,   $begin, '\\u4e2d', '"}') ],
        [ 'a wrapped text of 2 MB',   filled(2 << 20,   '"' . $begin =~ s/"/\\"/gr, 'text ', '\\"}"') ],
        [ 'many texts, 2 MB in all',  filled(2 << 20,   '{"event":{"id":"a"}', ',"x":"' . 'text ' x 200 . '"', '}') ],
    );
}

sub filled {
    my ($bytes, $begin, $unit, $end) = @_;
    return $begin . $unit x (($bytes - length($begin) - length $end) / length $unit) . $end;
}

sub longest_string_kb {
    my ($body) = @_;
    $body =~ s/\\./xx/gs;
    my ($longest) = sort { $b <=> $a } map { length } $body =~ /"([^"]*)"/g;
    return $longest / 1024;
}

# A worker that has seen one small alert: what it took for that is not the body's.
sub show_peak {
    my ($name, $body, $buffer_kb) = @_;
    my $gateway = gateway($buffer_kb);
    $gateway->post('{"event":{"id":"a"}}');
    my $before_kb = $gateway->memory_kb('VmHWM');
    $gateway->post($body);
    my $took_kb = $gateway->memory_kb('VmHWM') - $before_kb;
    my $most_kb = $buffer_kb + MOST_KB + PER_STRING * longest_string_kb($body);
    printf "%-28s %9d %9d %9d%s\n", $name, length $body, $took_kb, $most_kb, missed($took_kb, $most_kb);
    return;
}

sub missed {
    my ($took, $most) = @_;
    return '' if $took <= $most;
    $misses++;
    return '   MISSED';
}

# ---------------------------------------------------------------- many requests

sub show_drift {
    my $gateway = gateway(16);
    my @bodies  = grep { !/no_alert_empty_object/ } glob "$PAYLOADS/*.json";
    my $count   = 0;
    my @rss_kb;
    for my $most (FEW_REQUESTS, $most_requests) {
        while ($count < $most) {
            my $seconds = $most == FEW_REQUESTS ? 1 : SLICE_SECONDS;
            $count += load($gateway, 1, $seconds, @bodies)->{requests};
        }
        push @rss_kb, $gateway->memory_kb('VmRSS');
        printf "%sRSS after %d requests: %d KB", @rss_kb == 1 ? "\n" : '', $count, $rss_kb[-1];
        print "\n" if @rss_kb == 1;
    }
    my $drift_kb = abs($rss_kb[1] - $rss_kb[0]);
    printf ", %d KB from before (most: %d)%s\n", $drift_kb, MOST_DRIFT_KB, missed($drift_kb, MOST_DRIFT_KB);
    return;
}
