# A text of an alert stays where the configuration puts it: it begins no line,
# no header and no request of its own, and leads out of no path.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;

my $t = Gateway->new(lenient => ['ANY'], http => <<'EOC')->plan(22 * 4 * 5 + 2)->start;
    map $flashduty_title $mapped {
        volatile;
        "~/ (?<name>.*)" "<$name>";
    }

    log_format as_default "$mapped|$blueking_event_id|$blueking_dimension_zone";
    log_format as_is escape=none "$mapped|$blueking_event_id|$blueking_dimension_zone";
    log_format as_json escape=json '["$mapped","$blueking_event_id","$blueking_dimension_zone"]';

    proxy_http_version 1.1;
    proxy_set_header Connection close;
    proxy_set_header X-Title "$flashduty_title";
    proxy_set_header X-Labels "$blueking_strategy_labels";
    proxy_set_header X-Mapped "$mapped";

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/default.log as_default;
        access_log %%DIR%%/none.log as_is;
        access_log %%DIR%%/json.log as_json;
        add_header X-Title "$flashduty_title" always;
        add_header X-Mapped "$mapped" always;
        add_trailer X-Key "$flashduty_alert_key" always;

        location = /to_path {
            flashduty_push /path/$blueking_biz_id?a=$flashduty_title;
        }
        location = /to_uri {
            flashduty_push /uri/$blueking_biz_id;
        }
        location = /to_line {
            flashduty_push /line;
        }
        location = /to_nowhere {
            flashduty_push /nowhere/$blueking_biz_id;
        }
        location = /returned {
            return 200 "[$flashduty_title]";
            flashduty_push /line;
        }

        location /path/ {
            internal;
            proxy_pass http://127.0.0.1:%%ANY%%/event/;
        }
        location /uri/ {
            internal;
            proxy_pass http://127.0.0.1:%%ANY%%$uri?x=$blueking_strategy_name;
        }
        location = /line {
            internal;
            proxy_method $blueking_level_name;
            proxy_pass http://127.0.0.1:%%ANY%%/event/$flashduty_title;
        }
    }
EOC

# An alert that says the same wherever it can say something.
sub saying {
    my ($text) = @_;

    return alert(
        bk_biz_id => $text,
        labels    => [$text],
        strategy  => { name => $text },
        event     => {
            id         => $text,
            event_id   => $text,
            level_name => $text,
            dimensions => { bk_target_ip => '10.0.1.10', zone => $text },
        },
    );
}

my @LOGS = qw(default none json);

# Peer, caller and logs after an alert with a text.
sub exchange {
    my ($uri, $text) = @_;

    my $pushes = $t->flashduty('ANY')->count;
    my @sizes  = map { length $t->settle->read_file("$_.log") } @LOGS;
    my %seen;
    $seen{errors} = join "\n", grep { !/\[notice\]/ } $t->logged(sub {
        my $client = $t->client->send(Client->compose('POST', $uri, saying($text), Connection => 'close'));
        $seen{answer} = $client->take(sub { $_[0] =~ /\r\n0\r\n(?:.+\r\n)*\r\n\z/ ? $_[0] : undef });
    });
    $seen{pushed} = [ map { lines($_->{head}) } splice @{ [ $t->flashduty('ANY')->pushes ] }, $pushes ];
    $seen{logged} = [ map { substr $t->read_file("$LOGS[$_].log"), $sizes[$_] } 0 .. $#LOGS ];
    return \%seen;
}

# The lines of a head, in an order of their own.
sub lines { return [ sort grep { !/\A(?:Server|Date|Content-Length): [^\r\n]+\z/ } split /\r\n/, $_[0] ] }

# Text of an alert; its value in variables; its value in a path, or nothing where it is no safe one.
my @CASES = (
    [ "a\r\nX-Evil: 1", 'a X-Evil: 1', 'a%20X-Evil:%201' ],
    [ "a\nX-Evil: 1",   'a X-Evil: 1', 'a%20X-Evil:%201' ],
    [ "a\rX-Evil: 1",   'aX-Evil: 1',  'aX-Evil:%201' ],
    [ "a\n\nPOST /evil HTTP/1.1", 'a  POST /evil HTTP/1.1', 'a%20%20POST%20/evil%20HTTP/1.1' ],
    [ "a\0b",                     'ab',                     'ab' ],
    [ "a\t\x01\x1b[31m\x7fb",     'a [31m b',               'a%20[31m%20b' ],
    [ "\x{4e2d}\x{2028}\x{85}b",  "\xe4\xb8\xad\xe2\x80\xa8 b", '%E4%B8%AD%E2%80%A8%20b' ],
    [ 'a b HTTP/1.1', 'a b HTTP/1.1', 'a%20b%20HTTP/1.1' ],
    [ q(a"b'c\\d),    q(a"b'c\\d),    q(a%22b'c%5Cd) ],
    [ '$uri ${args}', '$uri ${args}', '$uri%20$%7Bargs%7D' ],
    [ 'a#b',          'a#b',          'a%23b' ],
    [ 'a?b=c',        'a?b=c',        'a?b=c' ],
    [ 'a%3fb=c%20d',  'a%3fb=c%20d',  'a%3Fb=c%20d' ],
    map { [ $_, $_ ] } '..', '../x', '/../x', 'a/../../x', '%2e%2e/x', '..%2fx', 'a%00b', '%0aforged', '%0d%0aX-Evil: 1',
);

is($t->post('/returned', saying("a\nb"))->body, '[]', 'what nginx returns itself has no alert');
is($t->flashduty('ANY')->count, 0, 'and nothing is pushed');

my @PUSHED = (
    'Host: 127.0.0.1:' . $t->flashduty('ANY')->port,
    'Connection: close',
    'Accept-Encoding: identity',
    'Content-Type: application/json; charset=utf-8',
);
my @ANSWERED = (
    'Content-Type: application/json; charset=utf-8',
    'Transfer-Encoding: chunked',
    'Connection: close',
);

for my $case (@CASES) {
    my ($text, $value, $path) = @$case;

    my $name    = join ' ', split ' ', $value;
    my $title   = "10.0.1.10 / $name";
    my $escaped = $title =~ s/ /%20/gr;
    my $is_safe = defined $path;
    my $decoded = ($path // '') =~ s/\?.*//r =~ s/%(..)/chr hex $1/ger;
    my $logged  = "<$name>|$value|$value\n";
    my %line    = (
        '/to_line'    => "$value /event/$title HTTP/1.1",
        '/to_path'    => $is_safe && "POST /event/$path?a=$escaped HTTP/1.1",
        '/to_uri'     => $is_safe && "POST /uri/$decoded?x=$value HTTP/1.1",
        '/to_nowhere' => '',
    );
    my $shown = $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;

    for my $uri (sort keys %line) {
        my $seen = exchange($uri, $text);
        my $push = [ sort $line{$uri}, @PUSHED, "X-Title: $title", "X-Labels: $value", "X-Mapped: <$name>" ];
        is_deeply($seen->{pushed}, $line{$uri} ? [$push] : [], "$shown $uri: what is pushed");

        my $status = $line{$uri} ? '200 OK' : $is_safe ? '502 Bad Gateway' : '500 Internal Server Error';
        my ($head, $rest) = split /\r\n\r\n/, $seen->{answer}, 2;
        is_deeply(
            lines($head), [ sort "HTTP/1.1 $status", @ANSWERED, "X-Title: $title", "X-Mapped: <$name>" ],
            '... the head of the answer'
        );
        like($rest, qr/\A[0-9a-f]+\r\n\{.*\}\r\n0\r\nX-Key: \Q$value\E\r\n\r\n\z/, '... its body and its end');

        is_deeply(
            $seen->{logged},
            [   $logged =~ s/(["\\\x80-\xff])/sprintf '\\x%02X', ord $1/ger,
                $logged,
                '["' . ($logged =~ s/(["\\])/\\$1/gr =~ s/\|/","/gr =~ s/\n//r) . "\"]\n",
            ],
            '... one line in each access log'
        );
        my $lines = $line{$uri} ? 0 : 1;
        like($seen->{errors}, qr/\A(?:\d{4}\S+ \S+ \[error\].*\n?){$lines}\z/, '... and in the error log');
    }
}
