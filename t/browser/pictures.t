# The page as README shows it: light, dark, on a phone, in Chinese; each picture is legible and
# fits.
#
# Its contents are made up, since no test can wait for an hour with an outage in it: the gateway's
# own JSON, with another hour, other alerts and another time in it.
#
# TEST_PICTURES   a folder for all pictures; without it those for README are kept here

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use List::Util qw(sum0);
use Test::More;

use Browser;
use Gateway;
use Spool;

use constant NOW => 1_773_729_128;    # 2026-03-17 14:32:08 in Shanghai

my $HERE = abs_path(dirname(__FILE__));
my $t    = Spool->new(server => Browser::SERVER)->plan(50)->start;

# --- an hour that might have been --------------------------------------------

# The same numbers on every machine.
my $seed = 7;
sub draw {
    my ($below) = @_;
    $seed = ($seed * 1_103_515_245 + 12_345) % 2**31;
    return int($seed / 2**31 * $below);
}

# Flashduty is away for some of its minutes, and a storm comes over it.
sub minutes {
    my (%away) = @_;

    $seed = 7;
    return map {
        my $storm  = exp(-($_ - 21)**2 / 8);
        my $alerts = 3 + draw(6) + int(34 * $storm);
        my %of     = map { $_ => 0 } qw(delivered spooled test preview refused failed rejected);
        my $kind   = $away{from} && $_ >= $away{from} && $_ <= $away{to} ? $away{outcome} : 'delivered';
        $of{$kind}    = $alerts;
        $of{refused}  = 1 + draw(2) if $_ == 9 || $_ == 23 || $_ == 46;
        $of{rejected} = 3           if $_ == 14;
        $of{test}     = 2           if $_ == 52;
        my $is_away = $kind ne 'delivered';
        my $p50 = $is_away ? 0.9 + draw(300) / 1000 : 0.045 + draw(25) / 1000 + 0.06 * $storm;
        my $p99 = $is_away ? 4.6 + draw(500) / 1000 : $p50 * (2 + draw(20) / 10) + 0.4 * $storm;
        +{
            %of, time => (int(NOW / 60) - 59 + $_) * 60,
            replayed => 0,
            pushes => $is_away ? 2 : $of{delivered} + $of{refused}, push_p50 => $p50, push_p99 => $p99
        };
    } 0 .. 59;
}

my %TITLES = (
    en => [
        [ 1, 'Payment',  '10.20.4.17 / MySQL replication lag over 120 s' ],
        [ 2, 'Payment',  'pay-gateway-7d9c5b8f4-x2lqp / container restarted 4 times in 10 min' ],
        [ 4, 'Platform', '10.20.1.9 / disk usage of /data over 90 %' ],
        [ 3, 'Platform', '10.20.1.31 / load of 15 min over 2 per core' ],
        [ 2, 'Shop',     'https://shop.example.com/cart / p95 of response time over 800 ms, in the last 5 min, measured from Shanghai, Shenzhen and Singapore' ],
        [ 1, 'Shop',     'kafka-03 / consumer group order-events is 1,204,331 messages behind' ],
        [ 4, 'Payment',  '10.20.4.17 / MySQL replication lag over 120 s' ],
        [ 2, 'Platform', '10.20.7.52 / agent heartbeat lost' ],
    ],
    zh => [
        [ 1, '支付平台', '10.20.4.17 / MySQL 主从延迟超过 120 秒' ],
        [ 2, '支付平台', 'pay-gateway-7d9c5b8f4-x2lqp / 容器 10 分钟内重启 4 次' ],
        [ 4, '基础平台', '10.20.1.9 / 磁盘 /data 使用率超过 90%' ],
        [ 3, '基础平台', '10.20.1.31 / 主机 15 分钟负载过高' ],
        [ 2, '电商',     'https://shop.example.com/cart / 最近 5 分钟 P95 响应时间超过 800 毫秒，拨测节点：上海、深圳、新加坡；请同时检查购物车服务与库存服务之间的调用链路' ],
        [ 1, '电商',     'kafka-03 / 消费组 order-events 积压 1,204,331 条消息' ],
        [ 4, '支付平台', '10.20.4.17 / MySQL 主从延迟超过 120 秒' ],
        [ 2, '基础平台', '10.20.7.52 / Agent 心跳丢失' ],
    ],
);
my %BIZ = (Payment => 12, Platform => 3, Shop => 27, '支付平台' => 12, '基础平台' => 3, '电商' => 27);

# The outcomes of the alerts by turns, the newest first.
sub alerts {
    my ($language, @outcomes) = @_;

    $seed = 3;
    my @titles = @{ $TITLES{$language} };
    my $time   = NOW + 0.25;
    return map {
        my ($level, $biz, $title) = @{ $titles[ $_ % @titles ] };
        my ($outcome, $code) = split / /, $outcomes[ $_ % @outcomes ];
        my $is_taken = $outcome ne 'spooled' && $outcome ne 'failed';
        $time -= 3 + draw(38);
        {
            time => $time, biz_id => "$BIZ{$biz}", biz_name => $biz, title => $title, outcome => $outcome,
            status        => (qw(? Critical Warning Info Ok))[$level],
            code          => $code // '',
            delay_seconds => $outcome eq 'delivered' ? (61 + draw(180)) / 1000 : undef,
            request_id    => $is_taken ? join('', map { sprintf '%08x', draw(2**31) } 1 .. 4) : '',
        };
    } 0 .. 23;
}

sub target {
    my ($uri, %state) = @_;
    return {
        target => "0.0.0.0:8080 alerts.example.com $uri", up => JSON::PP::true, since => NOW - 73_020,
        next_try_seconds => undef, reason => '', %state
    };
}

my $live = $t->get('/', Accept => 'application/json')->json;

sub made_up {
    my (%story) = @_;

    my %told = (
        %$live, now => NOW, reason => '', since => NOW - 73_020, flashduty_last_delivery_timestamp_seconds => NOW - 3,
        minutes => [ minutes(%{ delete $story{away} || {} }) ], %story,
    );
    $told{spool} = { %{ $live->{spool} }, bytes => 462_848, last_error => '', trouble => '', %{ $story{spool} || {} } };
    return JSON::PP->new->canonical->encode(\%told);
}

my $AWAY   = 'Flashduty did not answer in time';
my $RETURN = { from => 33, to => 38, outcome => 'spooled' };
my $DEAD   = 2;

my %STORY = (
    delivering => made_up(
        state   => 'delivering', away => $RETURN, spool => { waiting => 0, dead => $DEAD, last_error => $AWAY },
        since   => NOW - 1_205, alerts => [ alerts('en', ('delivered') x 4, 'refused InvalidParameter', ('delivered') x 6) ],
        targets => [ target('/flashduty/operations', since => NOW - 1_205), target('/flashduty/payment') ],
    ),
    spooling => made_up(
        state => 'spooling', reason => $AWAY, since => NOW - 312, away => { from => 54, to => 59, outcome => 'spooled' },
        flashduty_last_delivery_timestamp_seconds => NOW - 315,
        spool   => { waiting => 37, oldest_seconds => 311.4, next_try_seconds => 21.2, last_error => $AWAY, bytes => 561_152 },
        alerts  => [ alerts('en', ('spooled') x 12, ('delivered') x 12) ],
        targets => [ target('/flashduty/operations', up => JSON::PP::false, since => NOW - 312, next_try_seconds => 21.2, reason => $AWAY), target('/flashduty/payment') ],
    ),
    failing => made_up(
        state => 'failing', reason => 'Flashduty answered 503', since => NOW - 95, away => { from => 58, to => 59, outcome => 'failed' },
        flashduty_last_delivery_timestamp_seconds => NOW - 101,
        spool   => { waiting => 4, oldest_seconds => 122, next_try_seconds => 0.4, last_error => 'Flashduty answered 503', trouble => 'database or disk is full' },
        alerts  => [ alerts('en', ('failed') x 5, ('delivered') x 19) ],
        targets => [ target('/flashduty/operations', up => JSON::PP::false, since => NOW - 95, next_try_seconds => 0.4, reason => 'Flashduty answered 503'), target('/flashduty/payment') ],
    ),
    chinese => made_up(
        state   => 'spooling', reason => $AWAY, since => NOW - 312, away => { from => 54, to => 59, outcome => 'spooled' },
        flashduty_last_delivery_timestamp_seconds => NOW - 315,
        spool   => { waiting => 37, dead => $DEAD, oldest_seconds => 311.4, next_try_seconds => 21.2, last_error => $AWAY },
        alerts  => [ alerts('zh', ('spooled') x 7, 'refused InvalidParameter', ('delivered') x 12) ],
        targets => [ target('/flashduty/operations', up => JSON::PP::false, since => NOW - 312, next_try_seconds => 21.2, reason => $AWAY), target('/flashduty/payment') ],
    ),
);

# --- what is wrong with a picture --------------------------------------------

# Texts whose contrast is less than WCAG AA asks for, as "TEXT RATIO".
my $PALE = <<'EOC';
(() => {
  const channels = color => color.match(/[\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const ground = node => {
    if (!node) return [255, 255, 255];
    const color = channels(getComputedStyle(node).backgroundColor);
    return color[3] === 0 ? ground(node.parentElement) : over(color, ground(node.parentElement));
  };
  const light = rgb => rgb.map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const pale = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; text = texts.nextNode();) {
    const node = text.parentElement, style = getComputedStyle(node);
    if (!text.data.trim() || !node.checkVisibility() || node.closest("script, noscript, .off")) continue;
    const below = ground(node.closest("svg") ? node.closest("div") : node);
    const color = channels(node.closest("svg") ? style.fill : style.color);
    const [high, low] = [light(over(color, below)), light(below)].sort((a, b) => b - a);
    const ratio = (high + .05) / (low + .05);
    const isLarge = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
    if (ratio < (isLarge ? 3 : 4.5)) pale.add(text.data.trim() + " " + ratio.toFixed(2));
  }
  return [...pale].join(", ");
})()
EOC

# Elements that stick out at the right, or of which something is cut that nothing says.
my $CUT = <<'EOC';
[...document.body.querySelectorAll("*")].filter(n => n.checkVisibility() && !n.closest("svg, .off, thead")
    && (n.getBoundingClientRect().right > innerWidth + .5
      || n.scrollWidth > n.clientWidth + 1 && getComputedStyle(n).display !== "inline" && !n.matches(".id")))
  .map(n => n.localName + "#" + n.id + "." + n.className + " " + n.textContent.slice(0, 40)).join(", ")
EOC

# Words that no reader should see.
my $ODD = q{(document.body.innerText.match(/NaN|undefined|null|\[object/g) || []).join(", ")};

my %DESK  = (viewport => { width => 1200, height => 900 });
my %PHONE = (viewport => { width => 360, height => 780 }, deviceScaleFactor => 1.5, hasTouch => JSON::PP::true);
my %DARK  = (colorScheme => 'dark');
my %KEPT  = map { $_ => $HERE } qw(delivering-dark spooling-light failing-light chinese-light phone-light);

for my $case (
    [ 'delivering-light', 'delivering', %DESK ],
    [ 'delivering-dark',  'delivering', %DESK, %DARK ],
    [ 'spooling-light',   'spooling',   %DESK ],
    [ 'spooling-dark',    'spooling',   %DESK, %DARK ],
    [ 'failing-light',    'failing',    %DESK ],
    [ 'failing-dark',     'failing',    %DESK, %DARK ],
    [ 'stale-light',      'delivering', %DESK ],
    [ 'stale-dark',       'spooling',   %DESK, %DARK ],
    [ 'chinese-light',    'chinese',    %DESK, locale => 'zh-CN', viewport => { width => 1200, height => 836 } ],
    [ 'phone-light',      'spooling',   %PHONE ],
    [ 'phone-dark',       'failing',    %PHONE, %DARK ],
    [ 'phone-chinese',    'chinese',    %PHONE, locale => 'zh-CN' ],
    )
{
    my ($name, $story, %options) = @$case;
    my $page = Browser->open(undef, %options);
    $page->tell($STORY{$story}, NOW * 1000);
    $page->visit('http://127.0.0.1:' . $t->port . '/');
    ok($page->comes(q{document.querySelectorAll('#alerts tr').length === 24}), "$name: is drawn");
    if ($name =~ /^stale/) {
        $page->tell(undef, (NOW + 5) * 1000);
        ok($page->says('#sentence', '^Not refreshed since 14:32:08: '), '... and says that it is old');
    }
    is($page->ask($PALE), '', '... every text can be read');
    is($page->ask($CUT),  '', '... nothing sticks out or is cut');
    is($page->ask($ODD),  '', '... nothing is shown that is none');
    my $folder = $ENV{TEST_PICTURES} || $KEPT{$name};
    $page->picture("$folder/$name.png") if $folder;
    $page->close;
}
