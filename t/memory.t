# A worker takes no more for a body of two megabytes, however it is made, than four times its size
# and a megabyte.

use strict;
use warnings;

use Test::More;

use Gateway;

use constant {
    BODY_KB => 2048,
    MOST_KB => 4 * 2048 + 1024,
};

plan skip_all => 'the memory of a checker is not that of nginx'
    if $ENV{TEST_NGINX_VALGRIND} || $ENV{TEST_NGINX_PREFIX_CMD} || Gateway->build =~ /-fsanitize=/;

# Start of a body, its filling, its end, and its result.
my $EVENT = '{"event":{"id":"a"';
my @CASES = (
    [ 'open arrays',             '',                                  '[',            '',        400 ],
    [ 'open objects',            '',                                  '{"a":',        '',        400 ],
    [ 'one name again and again', "$EVENT",                           ',"level":1',   '}}',      200 ],
    [ 'tiny dimensions',         "$EVENT,\"dimensions\":{\"a\":1",    ',"":1',        '}}}',     200 ],
    [ 'one dimension with everything', "$EVENT,\"dimensions\":{\"a\":[0", ',1',       ']}}}',    200 ],
    [ 'names to group by',       "$EVENT,\"agg_dimensions\":[0",      ',"a"',         ']}}',     200 ],
    [ 'a text',                  "$EVENT},\"description\":\"",        'text ',        '"}',      200 ],
    [ 'escapes',                 "$EVENT},\"description\":\"",        '\\n',          'a"}',     200 ],
    [ 'lone surrogates',         "$EVENT},\"description\":\"",        '\\ud83d',      '"}',      200 ],
    [ 'bytes that are no UTF-8', "$EVENT},\"description\":\"",        "\xFF",         '"}',      200 ],
    [ 'a dimension that is no UTF-8', "$EVENT,\"dimensions\":{\"ip\":\"", "\xFF",     '"}}}',    200 ],
    [ 'a long id',               "{\"event\":{\"id\":\"",             'i',            '"}}',     200 ],
    [ 'a long name',             "$EVENT,\"",                         'n',            '":1}}',   200 ],
    [ 'a long number',           "$EVENT,\"level\":1",                '0',            '}}',      200 ],
    [ 'white space',             $EVENT,                              ' ',            '}}',      200 ],
    [ 'a wrapped text',          '"{\\"event\\":{\\"id\\":\\"a\\"},\\"description\\":\\"', 'text ', '\\"}"', 200 ],
    [ 'a wrapped text with escapes', '"{\\"event\\":{\\"id\\":\\"a\\"},\\"description\\":\\"', '\\\\n', 'a\\"}"', 200 ],
    [ 'strings that look like JSON', '{"a":0',                        ',"":"[\\\\"', '}',      400 ],
    [ 'strings that begin as a message', '{"a":0',        ',"":"{\\"event\\":["', '}',      400 ],
    [ 'messages beside others',  '{"a":0',  ',"":["{\\"event\\":{\\"id\\":1}}",1]', '}',      400 ],
    [ 'escaped names',           '{"a":0',                            ',"\\n":1',     '}',       400 ],
    [ 'an end that never comes', "$EVENT,\"x\":\"",                   'x',            '',        400 ],
);

my $t = Gateway->new(server => <<'EOC')->plan(2 * @CASES)->start;
    client_max_body_size 8m;

    location = /file {
        flashduty_push /flashduty;
    }
    location = /memory {
        client_body_buffer_size 4m;
        flashduty_push /flashduty;
    }
    location = /flashduty {
        internal;
        proxy_pass %%PUSH_URL%%;
        client_max_body_size 2m;
    }
EOC

sub body {
    my ($begin, $unit, $end) = @_;
    my $room = 1024 * BODY_KB - length($begin) - length $end;
    return $begin . $unit x ($room / length $unit) . $end;
}

sub lines_of {
    my ($path) = @_;
    open my $file, '<', $path or die "cannot read $path: $!\n";
    return <$file>;
}

sub workers { return join('', lines_of("/proc/$t->{pid}/task/$t->{pid}/children")) =~ /(\d+)/g }

sub peak_kb {
    my ($worker) = @_;
    return (map { /^VmHWM:\s+(\d+)/ } lines_of("/proc/$worker/status"))[0];
}

# Another worker, that has seen one small alert: what it took for that is not the body's.
my $worker = (workers())[0];

sub fresh_worker {
    $t->signal('HUP');
    eventually { my @all = workers(); @all == 1 && $all[0] != $worker } or die "no other worker\n";
    ($worker) = workers();
    $t->post('/file', '{"event":{"id":"a"}}');
    return;
}

# nginx's own buffer apart, which the second location asks for.
for my $way ([ '/file', MOST_KB ], [ '/memory', BODY_KB + MOST_KB ]) {
    my ($uri, $most_kb) = @$way;
    for my $case (@CASES) {
        my ($name, $begin, $unit, $end, $status) = @$case;
        fresh_worker();
        my $before_kb = peak_kb($worker);
        my $got       = $t->post($uri, body($begin, $unit, $end))->status;
        my $took_kb   = peak_kb($worker) - $before_kb;
        ok($got == $status && $took_kb <= $most_kb, "$uri: $name") or diag("answered $got");
        note("took $took_kb KB of $most_kb KB");
    }
}
