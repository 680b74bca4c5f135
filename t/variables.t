# Variables of an alert and its delivery, in the log, a map and the proxied location.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my @ALERT = qw(type biz_id biz_name event_id level level_name strategy_id strategy_name strategy_labels
    scenario resource current_value);
my @DELIVERY = qw(title event_status alert_key outcome push_status push_time request_id error_code);

my $format = join '|', (map {"\$blueking_$_"} @ALERT), (map {"\$flashduty_$_"} @DELIVERY);

my $t = Gateway->new(allow => [ 'X-Title', 'X-Biz', 'X-Rank' ], http => <<"EOC")->plan(45)->start;
    log_format all escape=none "$format";
    log_format dimensions escape=none
        "\$blueking_dimension_bk_target_ip|\$blueking_dimension_BK_Target_IP|"
        "\$blueking_dimension_zone|\$blueking_dimension_none";

    map \$blueking_level \$rank {
        volatile;
        1       high;
        2       middle;
        default "";
    }

    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/access.log all;

        location = /blueking {
            flashduty_push /flashduty;
            add_header X-Title \$flashduty_title always;
            add_header X-Rank "\$rank" always;
        }
        location = /early {
            set \$early "[\$blueking_type\$flashduty_title\$rank]";
            flashduty_push /flashduty;
            add_header X-Early \$early always;
            add_header X-Late "[\$blueking_type]" always;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /dimensions {
            access_log %%DIR%%/access.log dimensions;
            flashduty_push /flashduty;
        }
        location = /static {
            return 200 "$format";
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_set_header X-Title \$flashduty_title;
            proxy_set_header X-Biz \$blueking_biz_id;
            proxy_set_header X-Rank \$rank;
            proxy_read_timeout %%SHORT%%;
        }
    }
EOC

# The variables of the last access-log line.
sub logged_variables {
    my %value;
    @value{ @ALERT, @DELIVERY } = split /\|/, ($t->access_log)[-1], -1;
    return \%value;
}

my $response = $t->post('/blueking', alert());
my $value    = logged_variables();
my %expected = (
    type            => 'ANOMALY_NOTICE',
    biz_id          => '2',
    biz_name        => 'BlueKing',
    event_id        => '17161930461000001',
    level           => '2',
    level_name      => 'Warning',
    strategy_id     => '144',
    strategy_name   => 'CPU usage',
    strategy_labels => 'cpu,host',
    scenario        => 'os',
    resource        => '10.0.1.10',
    current_value   => '96.3',
    title           => '10.0.1.10 / CPU usage',
    event_status    => 'Warning',
    alert_key       => '17161930461000001',
    outcome         => 'delivered',
    push_status     => '200',
    request_id      => 'request-1',
    error_code      => '',
);
is($value->{$_}, $expected{$_}, "\$$_") for grep { exists $expected{$_} } @ALERT, @DELIVERY;
like($value->{push_time}, qr/^\d+\.\d{3}$/, '$push_time');

is($response->header('X-Title'), '10.0.1.10 / CPU usage', 'in add_header');
is($response->header('X-Rank'),  'middle',                'through a map');

my %sent = map {@$_} @{ $t->flashduty->last_push->{headers} };
is_deeply(
    [ @sent{qw(X-Title X-Biz X-Rank)} ],
    [ '10.0.1.10 / CPU usage', '2', 'middle' ], 'the proxied location sees them'
);

# Before the body was read, and where no alert is.
$response = $t->post('/early', alert());
is($response->header('X-Early'), '[]',               'empty before the body was read');
is($response->header('X-Late'),  '[ANOMALY_NOTICE]', 'set afterwards');
is($t->get('/static')->body, '|' x (@ALERT + @DELIVERY - 1), 'empty elsewhere, and no error');
$t->post('/static', alert());
is(($t->access_log)[-1], '|' x (@ALERT + @DELIVERY - 1), 'in the log as well');

# Every outcome.
sub outcome_of {
    my ($uri, $body, $answer) = @_;
    $t->flashduty->answer($answer) if $answer;
    $t->post($uri, $body);
    return logged_variables();
}

is(outcome_of('/blueking', DEBUG_BODY)->{outcome}, 'test',     'a test');
is(outcome_of('/blueking', '{}')->{outcome},       'rejected', 'a rejected body');
$value = outcome_of('/preview', alert());
is($value->{outcome}, 'preview', 'a preview');
is($value->{title}, '10.0.1.10 / CPU usage', 'has a title');
is($value->{push_status}, '', 'and no push');

$value = outcome_of('/blueking', alert(), says(400, 'InvalidParameter', 'm'));
is("$value->{outcome} $value->{push_status} $value->{error_code}", 'refused 400 InvalidParameter', 'a refused event');
like($value->{request_id}, qr/^request-\d+$/, 'has its request id');
$value = outcome_of('/blueking', alert(), html(503));
is("$value->{outcome} $value->{push_status} $value->{error_code}", 'failed 503 ', 'a failed push');
$value = outcome_of('/blueking', alert(), dropped('hang'));
is($value->{outcome}, 'failed', 'a push that timed out');
cmp_ok($value->{push_time}, '>=', 0.4, 'has taken its time');
$t->flashduty->answer(taken());

# Control characters would break lines and inject headers.
$response = $t->post('/blueking', alert(strategy => { name => "a\nX-Evil: 1\r\n\tb\x7f" }, bk_biz_id => "7\n8"));
$value = logged_variables();
unlike($value->{strategy_name}, qr/[\x00-\x1f\x7f]/, 'no control character in a variable');
like($value->{strategy_name}, qr/^a X-Evil: 1 +b/, 'each is a space');
is($value->{biz_id}, '7 8', 'in every one of them');
is($response->header('X-Evil'), undef, 'so no header can be injected');

# Dimensions go by their label's name.
sub dimensions {
    my (%dimensions) = @_;
    $t->post('/dimensions', alert(event => { dimensions => \%dimensions }));
    return ($t->access_log)[-1];
}

is(dimensions(bk_target_ip => '10.0.0.1', zone => 'z'), '10.0.0.1|10.0.0.1|z|', 'a dimension, letters in any case');
is(dimensions('tags.zone' => 'z1'), '||z1|', 'without the prefix "tags."');
is(dimensions(ZONE => 'Z'), '||Z|', 'a dimension in capitals');
is(dimensions(ZONE => 'first', zone => 'second'), '||first|', 'the first of two wins');
