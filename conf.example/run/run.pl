#!/usr/bin/perl
# The gateway at work: starts nginx, sends a sample alert and its recovery through it, shows what
# became of them, and keeps serving until Ctrl-C.
#
# usage: run.pl NGINX MODULE [LISTEN]
# FLASHDUTY_PUSH_URL=https://... in the environment pushes to the real Flashduty.
use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use Encode qw(decode_utf8 encode_utf8);
use File::Temp qw(tempdir);
use FindBin;
use HTTP::Tiny;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep);

use lib $FindBin::RealBin;
use Run;

my ($nginx, $module, $gateway) = @ARGV;
$gateway //= '127.0.0.1:8080';
die "usage: run.pl NGINX MODULE [LISTEN]\n" unless defined $module;

my $push_url = $ENV{FLASHDUTY_PUSH_URL} // '';
my $is_real  = $push_url ne '';

binmode STDOUT, ':encoding(UTF-8)';
binmode STDERR, ':encoding(UTF-8)';
$| = 1;

if ($is_real) {
    check_push_url($push_url);
    warn_of_plain_http($push_url);
}
if (is_taken($gateway)) {
    my $other = HTTP::Tiny->new(timeout => 5)->get("http://$gateway/flashduty-run");
    die "$gateway is in use by a run that was left behind: end it with `kill $1`, then run this "
        . "again\n"
        if $other->{success} && $other->{content} =~ /^(\d+)$/;
    die "$gateway is in use: stop what listens there, then run this again\n";
}

my $dir = tempdir('flashduty-run-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
$push_url = "http://unix:$dir/standin.sock:/event/push/alert/standard?integration_key=demo"
    unless $is_real;
write_conf();

# Told to stop at any moment, it takes nginx with it.
my $stopping = 0;
my $pid;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { $stopping = 1; kill 'QUIT', $pid if $pid; };

$pid = fork() // die "fork: $!\n";
if ($pid == 0) {
    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = 'DEFAULT';
    exec $nginx, '-p', $dir, '-e', "$dir/error.log", '-c', "$dir/nginx.conf" or die "$nginx: $!\n";
}
kill 'QUIT', $pid if $stopping;

wait_until_it_serves();
show('An alert fires',    'trigger.json')  unless $stopping;
show('The same recovers', 'recovery.json') unless $stopping;
print_invitation() unless $stopping;

# Until nginx has ended; meanwhile the stand-in is made to fail, and to come back.
my ($ended, $asked) = (0, 0);
until ($ended == $pid) {
    $ended = waitpid($pid, WNOHANG);
    last if $ended == -1 && !$!{EINTR};
    $asked = obey($asked) if !$ended;
    sleep 0.1 if !$ended;
}
my $status = $?;
undef $pid;
exit($stopping ? 0 : $status >> 8 || 1);

# However this ends, nginx does not outlive it.
END {
    local $?;
    kill 'QUIT', $pid if $pid;
}

# ---------------------------------------------------------------- nginx

sub check_push_url {
    my ($url) = @_;
    die "FLASHDUTY_PUSH_URL must be the push URL of a Flashduty integration: "
        . "https://api.flashcat.cloud/event/push/alert/standard?integration_key=...\n"
        unless $url =~ m{^https?://[^\s/"';{}\$\\]+/[^\s"';{}\$\\]*$};
    my ($kind, $arguments) = $url =~ m{^[^?]*/event/push/alert/([^?]*)(?:\?(.*))?$} or return;
    die "FLASHDUTY_PUSH_URL is that of another kind of integration ($kind): create one of the kind "
        . "\"standard alert event\" in Flashduty and take its push URL\n"
        if $kind ne 'standard';
    my ($key) = ($arguments // '') =~ /(?:^|&)integration_key=([^&]*)/;
    die "FLASHDUTY_PUSH_URL has no integration key: take the whole push URL from Flashduty\n"
        if ($key // '') eq '';
    die "FLASHDUTY_PUSH_URL has the placeholder KEY: put your integration key in its place\n"
        if $key eq 'KEY';
}

sub warn_of_plain_http {
    my ($url) = @_;
    warn "FLASHDUTY_PUSH_URL is not https: alerts and key travel unencrypted\n"
        unless $url =~ m{^https://};
}

sub write_conf {
    mkdir "$dir/spool", 0700 or die "$dir/spool: $!\n";
    # Workers need the folder for their files.
    my @nobody = nobody();
    chown @nobody, $dir, "$dir/spool" if @nobody;
    my %value = (
        DIR      => $dir,
        PID      => $$,
        LISTEN   => $gateway,
        MODULE   => abs_path($module),
        PUSH_URL => $push_url,
    );
    umask 0077;    # it holds the integration key
    spill("$dir/$_", conf_for($_, %value)) for 'nginx.conf', 'standin.conf';
}

# Each request of /flashduty-down is a line of its log.
sub obey {
    my ($known) = @_;
    my $asked = -e "$dir/down.log" ? () = slurp("$dir/down.log") =~ /\n/g : 0;
    for ($known + 1 .. $asked) {
        unlink "$dir/down" or spill("$dir/down", '');
    }
    return $asked;
}

sub wait_until_it_serves {
    for (1 .. 100) {
        if (waitpid($pid, WNOHANG) == $pid) {
            undef $pid;
            last;
        }
        return if $stopping || is_taken($gateway);
        sleep 0.1;
    }
    die "nginx did not start\n" . complaints("$dir/error.log");
}

# ---------------------------------------------------------------- what happened

sub show {
    my ($heading, $file) = @_;
    my $body = slurp(HERE . "/$file");
    my $told = post('/blueking', $body);
    my $got
        = $told->{status} == 202 ? '(nothing yet: the event waits)'
        : $told->{status} != 200 ? '(nothing)'
        : $is_real               ? post('/preview', $body)->{content}
        :                          last_event();
    print "\n$heading\n";
    side_by_side(
        ['BlueKing sent'                                     => pretty($body)],
        ['Flashduty got'                                     => pretty($got)],
        ["BlueKing was told: $told->{status} $told->{reason}" => pretty($told->{content})],
    );
}

sub post {
    my ($path, $body) = @_;
    my $answer = HTTP::Tiny->new(timeout => 30)->post("http://$gateway$path",
        { content => $body, headers => { 'Content-Type' => 'application/json' } });
    return $answer;
}

# nginx writes its log after the answer.
sub last_event {
    for (1 .. 50) {
        if (-s "$dir/events.log") {
            my $event = slurp("$dir/events.log");
            spill("$dir/events.log", '');
            return $event;
        }
        sleep 0.1;
    }
    return '(nothing)';
}

sub print_invitation {
    my $here   = HERE;
    my $target = $is_real ? 'Flashduty' : 'a stand-in for Flashduty';
    print <<"END";

The gateway serves on http://$gateway and pushes to $target. Ctrl-C ends it. Try it:

  curl -d \@$here/trigger.json http://$gateway/blueking
  curl -d \@$here/trigger.json http://$gateway/preview

The status page: http://$gateway/
END
    print <<"END" unless $is_real;

Make the stand-in fail, send alerts and watch them wait; once more, and they are delivered:

  curl -X POST http://$gateway/flashduty-down
END
    print <<'END' unless $is_real;

To push to the real Flashduty: FLASHDUTY_PUSH_URL='https://...' make run
END
}

# ---------------------------------------------------------------- showing JSON

# JSON as it came, with line breaks and with escaped characters made readable.
sub pretty {
    my ($json) = @_;
    $json = decode_utf8($json);
    my ($out, $depth) = ('', 0);
    while ($json =~ /\G\s*("(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+)/gc) {
        my $token = $1;
        if ($token =~ /^[{\[]$/) {
            $out .= $json =~ /\G\s*([}\]])/gc ? "$token$1" : $token . "\n" . '  ' x ++$depth;
        } elsif ($token =~ /^[}\]]$/) {
            $out .= "\n" . '  ' x --$depth . $token;
        } elsif ($token eq ',') {
            $out .= ",\n" . '  ' x $depth;
        } elsif ($token eq ':') {
            $out .= ': ';
        } else {
            $token =~ s/(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})/$1 . chr hex $2/gei;
            $out .= $token;
        }
    }
    return $out eq '' ? $json : $out;
}

# Chinese takes two columns of a terminal.
sub width {
    my ($text) = @_;
    my $wide = () = $text =~ /[\x{1100}-\x{115f}\x{2e80}-\x{a4cf}\x{ac00}-\x{d7a3}
        \x{f900}-\x{faff}\x{fe30}-\x{fe6f}\x{ff00}-\x{ff60}\x{ffe0}-\x{ffe6}]/gxx;
    return length($text) + $wide;
}

sub wrapped {
    my ($text, $columns) = @_;
    my @lines;
    for my $line (split /\n/, $text) {
        my ($indent) = $line =~ /^(\s*)/;
        my $part = '';
        for my $character (split //, $line) {
            if (width($part . $character) > $columns) {
                push @lines, $part;
                $part = "$indent  ";
            }
            $part .= $character;
        }
        push @lines, $part;
    }
    return @lines;
}

sub side_by_side {
    my @blocks = @_;
    my ($terminal) = (-t STDOUT ? `stty size 2>/dev/null </dev/tty` : '') =~ /\d+ (\d+)/;
    my $columns = int((($terminal // 150) - 3 * $#blocks) / @blocks);
    $columns = 30 if $columns < 30;
    my @columns = map { [wrapped($_->[0], $columns), '-' x $columns, wrapped($_->[1], $columns)] }
        @blocks;
    my ($rows) = sort { $b <=> $a } map { scalar @$_ } @columns;
    for my $row (0 .. $rows - 1) {
        my @cells = map { $_->[$row] // '' } @columns;
        my $line = join ' | ', map { $_ . ' ' x ($columns - width($_)) } @cells;
        $line =~ s/[ |]+$//;
        print "$line\n";
    }
}
