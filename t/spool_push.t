# An event from the spool is pushed as a live one: the same uri, arguments,
# headers and values; but there is no caller any more.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;
use Spool;

my @ALERT = qw(type biz_id biz_name event_id level level_name strategy_id strategy_name strategy_labels
    scenario resource current_value dimension_bk_target_ip dimension_zone dimension_none);
my @EVENT = qw(title event_status alert_key);

my @VALUES  = ((map {"blueking_$_"} @ALERT), (map {"flashduty_$_"} @EVENT));
my $values  = join '|', map {"\$$_"} @VALUES;
my @HEADERS = qw(X-Values X-Rank X-Args X-Server);
my @GONE    = qw(X-Caller X-Address X-Set);

my $t = Spool->new(workers => 2, allow => [ @HEADERS, @GONE ], http => <<"EOC")->plan(33)->start;
    map \$blueking_level \$rank {
        volatile;
        1       high;
        2       middle;
        default "";
    }
    map \$blueking_biz_id \$team {
        volatile;
        7       "/team/b";
        default "/team/a";
    }

    map "" \$values_of_event {
        volatile;
        default "$values";
    }

    proxy_set_header X-Values \$values_of_event;
    proxy_set_header X-Rank \$rank;
    proxy_set_header X-Args \$args;
    proxy_set_header X-Server \$server_name;
    proxy_set_header X-Caller \$http_x_caller;
    proxy_set_header X-Address \$remote_addr;
    proxy_set_header X-Set \$by_set;

    server {
        listen 127.0.0.1:%%PORT%%;
        server_name first.test other.test;

        location = /blueking {
            set \$by_set \$http_x_caller;
            flashduty_push "\$team?x=\$http_x_caller&name=\$blueking_strategy_name";
        }
        location = /team/b {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=%%KEY%%&\$args;
        }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name second.test;

        location = /blueking {
            flashduty_push /team/a;
        }
        location = /team/a {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
    }
EOC

my $number = 0;

# The push of an alert that was taken while Flashduty was away, or as it came.
sub push_of {
    my ($when, $host, $body) = @_;

    my $before = $t->flashduty->count;
    $t->flashduty->go_away if $when eq 'later';
    my $text = Client->compose('POST', '/blueking', $body, 'X-Caller' => 'who calls', Connection => 'close');
    $text =~ s/^Host: \Klocalhost/$host/m;
    my $answer = $t->client->send($text)->response->verdict;
    is($answer, $when eq 'later' ? '202 spooled' : '200 delivered', "$host: pushed $when");
    $t->flashduty->come_back;
    ok($t->runs_empty, 'and taken');
    my ($push) = $t->flashduty->pushes($before);
    return { %$push, sent => { map {@$_} @{ $push->{headers} } } };
}

my $body = alert(
    bk_biz_id => 7,
    event     => { dimensions => { bk_target_ip => '10.0.0.9', 'tags.zone' => "z 1\n2" } },
    strategy  => { name => "disk \xe9 & more" },
);

for my $host ('first.test', 'second.test') {
    my $live  = push_of('now',   $host, $body);
    my $later = push_of('later', $host, $body);
    is_deeply(
        [ map { $_->[0] } @{ $later->{headers} } ],
        [ map { $_->[0] } @{ $live->{headers} } ], "$host: the same headers, now and later"
    );
    is($later->{$_}, $live->{$_}, "the same $_") for qw(method uri body);
    is($later->{sent}{$_} // '', $live->{sent}{$_} // '', "the same $_") for @HEADERS;
    is(join(' ', grep { exists $live->{sent}{$_} || exists $later->{sent}{$_} } @GONE), '', "nothing of the caller's");
}

my $later = push_of('later', 'first.test', $body);
my $sent  = $later->{sent};
is(
    $sent->{'X-Values'},
    "ANOMALY_NOTICE|7|BlueKing|17161930461000001|2|Warning|144|disk \xc3\xa9 & more|cpu,host|os|10.0.0.9|96.3|"
        . "10.0.0.9|z 1 2||10.0.0.9 / disk \xc3\xa9 & more|Warning|17161930461000001",
    'all that is known of the alert'
);
is($sent->{'X-Rank'},   'middle',     'through a map');
is($sent->{'X-Server'}, 'first.test', 'in its own server');
is($sent->{'X-Args'}, "x=who%20calls&name=disk%20\xc3\xa9%20&%20more", 'with the arguments that it was given');
like($later->{uri}, qr/&x=who%20calls&name=disk/, 'which the proxied location can pass on');
