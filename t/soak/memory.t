# 20,000 good and bad requests to one worker under valgrind: its memory after the first quarter of
# them is its memory after half of them and at the end.

use strict;
use warnings;

use File::Temp;
use FindBin;
use Test::More;

my $logs;

BEGIN {
    $logs = File::Temp->newdir('valgrind.XXXXXX', TMPDIR => 1);
    # TEST_NGINX_VALGRIND is no choice: it is quiet, and a quiet valgrind gives no summaries.
    $ENV{TEST_NGINX_PREFIX_CMD}
        = "valgrind --trace-children=yes --log-file=$logs/%p --leak-check=full --show-leak-kinds=definite "
        . "--errors-for-leak-kinds=definite --suppressions=$FindBin::Bin/../lib/nginx.supp";
}

use BlueKing;
use Client;
use Flashduty;
use Gateway;
use Http2;

use constant LOOKS => (5_000, 10_000, 20_000);
use constant CALLERS => 4;

# Answers of Flashduty, a different one each time; the caller's answer then.
my @ANSWERS = (
    [ REFUSES   => '502 refused', says(400, 'InvalidParameter', 'title_rule is missing') ],
    [ KNOWS_NOT => '502 refused', says(401, 'Unauthorized',     'no such key') ],
    [ SLOWS     => '503 failed', says(429, 'RequestTooFrequently', 'slow down', headers => [ 'Retry-After' => 3 ]) ],
    [ BREAKS    => '502 failed', html(500) ],
    [ REDIRECTS => '502 refused', html(302, headers => [ Location => '/' ]) ],
    [ CLOSES    => '502 failed', dropped('close') ],
    [ RESETS    => '502 failed', dropped('reset') ],
    [ HANGS     => '504 failed', dropped('hang') ],
    [ CUTS      => '502 failed', taken(cut => 5) ],
    [ EMPTY     => '502 failed', nothing(200) ],
    [ MUMBLES   => '502 failed', { raw => "nonsense\r\n\r\n" } ],
    [ CHUNKS    => '200 delivered', taken(chunked => 1) ],
    [ DRIPS     => '200 delivered', taken(pieces  => 5) ],
    [ RAMBLES   => '200 delivered', taken(body    => '{"data":"' . 'x' x 50_000 . '"}') ],
);
my @NAMES = map { $_->[0] } @ANSWERS;

my %directive = (HANGS => 'proxy_read_timeout 100ms;');
my $locations = join '', map {<<"EOC"} @NAMES;
        location = /$_ {
            flashduty_push /to_$_;
        }
        location = /to_$_ {
            internal;
            @{[ $directive{$_} // '' ]}
            proxy_pass http://127.0.0.1:%%$_%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
EOC

my $t = Gateway->new(peers => \@NAMES, ports => ['HTTP2'], http => <<"EOC")->plan(8)->start;
    log_format all "\$flashduty_outcome \$flashduty_title \$flashduty_alert_key \$flashduty_push_status "
        "\$flashduty_push_time \$flashduty_request_id \$flashduty_error_code \$blueking_dimension_bk_target_ip";

    upstream kept {
        server 127.0.0.1:%%PEER%%;
        keepalive 1;
    }
    upstream one_of_two {
        server 127.0.0.1:%%NOBODY%% max_fails=0;
        server 127.0.0.1:%%PEER%% backup;
    }

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    keepalive_requests 100000;

    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%HTTP2%% http2;
        access_log %%DIR%%/access.log all;
        client_max_body_size 1m;

        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /dressed {
            flashduty_title "[\$blueking_biz_name] \$flashduty_title";
            flashduty_description "\$blueking_strategy_name on \$blueking_resource";
            flashduty_alert_key "\$flashduty_alert_key-\$blueking_biz_id";
            flashduty_event_status \$arg_status;
            flashduty_label team "\$blueking_strategy_labels";
            flashduty_label level "";
            flashduty_push "/flashduty?\$blueking_strategy_name";
        }
        location = /file {
            client_body_in_file_only clean;
            flashduty_push /flashduty;
        }
        location = /mixed {
            client_body_buffer_size 1k;
            flashduty_push /flashduty;
        }
        location = /small {
            client_max_body_size 1k;
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /to {
            flashduty_push \$arg_to;
        }
        location = /two {
            flashduty_push /to_two;
        }
        location = /nobody {
            flashduty_push /to_nobody;
        }
        location = /flashduty {
            internal;
            proxy_pass http://kept/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_two {
            internal;
            proxy_next_upstream error timeout non_idempotent;
            proxy_pass http://one_of_two/event/push/alert/standard?integration_key=%%KEY%%;
        }
        location = /to_nobody {
            internal;
            proxy_pass http://127.0.0.1:%%NOBODY%%/event/push/alert/standard?integration_key=%%KEY%%;
        }
$locations
    }
EOC
$t->flashduty($_->[0])->answer($_->[2]) for @ANSWERS;

# --- the mix -----------------------------------------------------------------

my @mix;

sub mix {
    my ($name, $expected, $begin) = @_;

    push @mix, { name => $name, expected => $expected, begin => $begin };
    return;
}

# Callers that stay connected all the time and take turns.
my @kept = map { $t->client } 1 .. CALLERS;

# Begins a request; what ends it.
sub ask {
    my (@request) = @_;

    my $caller = shift(@kept)->send(Client->compose(@request));
    return sub {
        push @kept, $caller;
        return $caller->response->verdict;
    };
}

sub ask_once {
    my (@request) = @_;

    my $caller = $t->client->send(Client->compose(@request, Connection => 'close'));
    return sub { $caller->response->verdict };
}

sub ask_http2 {
    my ($uri, $body) = @_;

    my $caller = Http2->connect($t->port('HTTP2'));
    my $stream = $caller->post($uri, $body);
    return sub { $caller->answer($stream)->verdict };
}

sub leave_after {
    my ($uri, $size, $leave) = @_;

    my $text = Client->compose('POST', $uri, alert());
    $t->client->send(substr $text, 0, $size // length $text)->$leave;
    return sub {''};
}

sub mix_post {
    my ($expected, $uri, $body, $name) = @_;

    mix("$name to $uri", $expected, sub { ask('POST', $uri, $body) });
    return;
}

my $sample = payload('trigger_host_cpu');
my $huge   = alert(latest_anomaly_record => { log => 'x' x 200_000 });
my %chunks = ('Transfer-Encoding' => 'chunked');

my %special = (demo_without_alert => '200 test', no_alert_empty_object => '400 rejected');
for my $name (payload_names()) {
    mix_post($special{$name} // '200 delivered', $_, payload($name), $name) for '/blueking', '/dressed?status=Info';
}
mix_post($_->[1], "/$_->[0]", $sample, 'an alert') for @ANSWERS;

mix_post('502 failed',    '/nobody',          $sample, 'an alert');
mix_post('200 delivered', '/two',             $sample, 'an alert');
mix_post('500 failed',    '/to',              $sample, 'an alert');
mix_post('500 failed',    '/to?to=/x/../y',   $sample, 'an alert');
mix_post('502 refused',   '/to?to=/no/where', $sample, 'an alert');
mix_post('200',           '/preview',         $sample, 'an alert');
mix_post('400 rejected',  '/preview',         '{}',    'nothing');
mix_post('200 delivered', '/file',            $huge,   'a large alert');
mix_post('200 delivered', '/mixed',           $huge,   'a large alert');

my $quoted = JSON::PP->new->allow_nonref->encode($sample);
mix_post('200 delivered', '/mixed', $_, 'a wrapped alert')
    for "\xef\xbb\xbf$sample", "[$sample]", qq({"callback_message": $sample}), $quoted;
mix_post('400 rejected', '/mixed', $_, 'no alert')
    for '', 'null', '{"a":1,}', "$sample}", substr($sample, 0, 999), '[' x 100, "\xff\x00";

mix('a body that is too large', '413',           sub { ask_once('POST', '/small',    $huge) });
mix('a connection of its own',  '200 delivered', sub { ask_once('POST', '/blueking', $sample) });
mix('an alert in chunks', '200 delivered', sub { ask('POST', '/mixed', Client->chunked($sample, 500), %chunks) });
mix('a GET with an alert', '200 delivered', sub { ask('GET', '/blueking', $sample) });
mix('a GET',               '405 rejected',  sub { ask('GET', '/blueking') });
mix('an encoded body', '415 rejected', sub { ask('POST', '/blueking', $sample, 'Content-Encoding' => 'gzip') });
mix('HTTP/2',          '200 delivered', sub { ask_http2('/blueking', $sample) });
mix('HTTP/2 and a bad body', '400 rejected', sub { ask_http2('/blueking', '{') });

mix('a caller that leaves at once',         '', sub { leave_after('/blueking', 0, 'leave') });
mix('one that leaves in the middle',        '', sub { leave_after('/file', 300, 'leave') });
mix('one that leaves before its answer',    '', sub { leave_after('/DRIPS', undef, 'leave') });
mix('one that resets in the middle',        '', sub { leave_after('/blueking', 300, 'reset') });
mix('one that resets before its answer',    '', sub { leave_after('/DRIPS', undef, 'reset') });

# --- the soak ----------------------------------------------------------------

my ($worker) = $t->error_log =~ /start worker process (\d+)/;
my $sent = 0;
my %wrong;

sub end_one {
    my ($kind, $end) = @{ $_[0] };

    my $answer = $end->();
    $wrong{"$kind->{name}: $answer, not $kind->{expected}"}++ if $answer ne $kind->{expected};
    $sent++;
    return;
}

sub send_mix {
    my @open;
    for my $kind (@mix) {
        end_one(shift @open) if @open == CALLERS;
        push @open, [ $kind, $kind->{begin}->() ];
    }
    end_one($_) for @open;
    $_->forget  for map { $t->flashduty($_) } 'PEER', @NAMES;
    return;
}

# All that the worker has allocated and not freed, whether it can still reach it or not.
sub in_use {
    my $summary = `vgdb --pid=$worker leak_check summary reachable any 2>&1`;

    my %sum = (bytes => 0, blocks => 0);
    while ($summary =~ /: ([\d,]+) bytes in ([\d,]+) blocks/g) {
        $sum{bytes}  += $1 =~ tr/,//dr;
        $sum{blocks} += $2 =~ tr/,//dr;
    }
    diag($summary) if !$sum{blocks};
    my $descriptors = () = glob "/proc/$worker/fd/*";
    return "$sum{bytes} bytes in $sum{blocks} blocks, $descriptors descriptors";
}

# Memory in use when nothing is under way any more.
sub at_rest {
    my ($before, $now) = ('', in_use());
    eventually {
        ($before, $now) = ($now, in_use());
        $before eq $now;
    };
    note("after $sent requests: $now in use");
    return $now;
}

my $first;
for my $look (LOOKS) {
    send_mix() while $sent < $look;
    my $now = at_rest();
    is($now, $first //= $now, "after $look requests no more is in use than before");
}
like($first, qr/^[1-9]/, 'which valgrind could tell');
is_deeply(\%wrong, {}, 'every request is answered as it should be');

is_deeply([ glob $t->dir . '/body/*' ], [], 'no file is left behind');
is(scalar(() = $t->error_log =~ /start worker process \d/g), 1, 'it was one worker all the time');

@kept = ();
$t->settle->signal('QUIT');
eventually { $t->has_ended };
my @summaries = `grep -oh 'ERROR SUMMARY: [0-9]* errors' $logs/*`;
is_deeply(\@summaries, [ ("ERROR SUMMARY: 0 errors\n") x 2 ], 'neither master nor worker made an error or lost memory');
