package Load;

# wrk, on the core that is not the contender's.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);

use Contenders;

our @EXPORT = qw(load);

my $SCRIPT = abs_path(dirname(__FILE__) . '/../load.lua');

# Sends the bodies in turn for so many seconds. Returns the number of requests, and the median of
# their latency.
sub load {
    my ($instance, $connections, $seconds, @bodies) = @_;

    my @command = (
        'taskset', '-c', Contenders::LOAD_CORE, 'wrk', '-t1', "-c$connections", "-d${seconds}s",
        '-s', $SCRIPT, $instance->url, '--', @bodies,
    );
    open my $output, '-|', @command or die "wrk: $!\n";
    my $text = do { local $/; <$output> };
    close $output or die "wrk has failed:\n$text";
    my ($requests, $errors, $p50_us) = $text =~ /^load (\d+) (\d+) (\d+)$/m or die "wrk said:\n$text";
    die $instance->name . ": $errors of $requests requests failed\n", $instance->error_log
        if $errors || !$requests;
    return { requests => $requests, p50_us => $p50_us };
}

1;
