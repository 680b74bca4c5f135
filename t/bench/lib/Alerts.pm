package Alerts;

# The alert that the benches of spool, API and fleet send, and wrk that sends it with t/bench/spool.lua.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use JSON::PP;

use Instance;

our @EXPORT = qw(write_body body_of wrk load_of);

my $BENCH = abs_path(dirname(__FILE__) . '/..');

# Writes the alert of t/payloads/v6_doc_sample.json into a folder, with @ID@ for its id; gives the path.
sub write_body {
    my ($folder) = @_;

    my $json  = JSON::PP->new->utf8->canonical;
    my $alert = $json->decode(Instance::slurp("$BENCH/../payloads/v6_doc_sample.json"));
    $alert->{event}{$_} = '@ID@' for qw(id event_id);
    $alert->{type} = 'ANOMALY_NOTICE';
    open my $file, '>', "$folder/body.json" or die "body.json: $!\n";
    print {$file} $json->encode($alert);
    close $file or die "body.json: $!\n";
    return "$folder/body.json";
}

sub body_of {
    my ($path, $id) = @_;
    return Instance::slurp($path) =~ s/\@ID\@/$id/gr;
}

my $loads = 0;

# wrk as it runs: so many callers at a URL for so many seconds, each alert with an id of its own.
# before: what stands before the command.
sub wrk {
    my ($url, $body, $callers, $seconds, @before) = @_;

    my @command = (
        @before, 'wrk', '-t1', "-c$callers", "-d${seconds}s", '--timeout', '10s', '-s', "$BENCH/spool.lua", $url, '--', $body,
        'load' . ++$loads,
    );
    open my $output, '-|', @command or die "wrk: $!\n";
    return $output;
}

# What it says at its end: seconds, requests, answers, p50_ms, p99_ms, max_ms. `why` is asked for what
# to say besides where requests have failed.
sub load_of {
    my ($output, $why) = @_;

    my $text = do { local $/; <$output> };
    close $output or die "wrk has failed:\n$text";
    my ($us, $errors, @us) = $text =~ /^load (\d+) (\d+) (\d+) (\d+) (\d+)$/m or die "wrk said:\n$text";
    die "$errors requests failed\n", $why ? $why->() : '' if $errors;
    my %answers  = reverse $text =~ /^answer (\d+) (.*)$/mg;
    my $requests = 0;
    $requests += $_ for values %answers;
    my ($p50_ms, $p99_ms, $max_ms) = map { $_ / 1000 } @us;
    return {
        seconds => $us / 1e6, requests => $requests, answers => \%answers,
        p50_ms  => $p50_ms, p99_ms => $p99_ms, max_ms => $max_ms,
    };
}

1;
