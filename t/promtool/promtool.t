# Prometheus's own tool finds nothing wrong with the metrics, the rules and the scrape
# configuration.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use BlueKing;
use Flashduty;
use Gateway;

my $PROMTOOL = $ENV{TEST_PROMTOOL} || 'promtool';
my $HERE     = abs_path(dirname(__FILE__));
my $EXAMPLES = "$HERE/../../conf.example";

my $t = Gateway->new(server => <<'EOC')->plan(9)->start;
        location = /blueking {
            flashduty_push "/flashduty\"quoted\"";
        }
        location /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = /metrics {
            flashduty_status prometheus;
        }
EOC

# Output and exit status of promtool.
sub promtool {
    my ($arguments, $input) = @_;

    $t->write_file('input', $input // '');
    my $output = `$PROMTOOL $arguments <@{[$t->dir]}/input 2>&1`;
    return ($? >> 8) . ": $output";
}

is(promtool('check metrics', $t->get('/metrics')->body), '0: ', 'the metrics of a gateway that has just begun');
$t->post('/blueking', alert());
$t->post('/blueking', payload('dims_90'));
$t->flashduty->answer(html(503));
$t->post('/blueking', alert());
my $metrics = $t->get('/metrics')->body;
is(promtool('check metrics', $metrics), '0: ', 'of one that has worked');
like($metrics, qr/^flashduty_target_up\{target=".*\\"quoted\\""\} 0$/m, '... with a label that needs an escape');
like(promtool('check metrics', "${metrics}flashduty_more 2\n"), qr/^3: flashduty_more no help text/, 'it would say so');

like(promtool("check rules $EXAMPLES/flashduty.rules.yml"), qr/^0: .*SUCCESS: 11 rules found/s, 'the rules');
like(promtool("test rules $HERE/rules_test.yml"), qr/^0: .*SUCCESS/s, 'fire when they should');
like(promtool("check rules $EXAMPLES/flashduty_fleet.rules.yml"), qr/^0: .*SUCCESS: 11 rules found/s, 'those of a fleet');
like(promtool("test rules $HERE/fleet_rules_test.yml"), qr/^0: .*SUCCESS/s, '... fire when they should');
like(promtool("check config $EXAMPLES/prometheus.yml"), qr/^0: .*SUCCESS: $EXAMPLES\/prometheus\.yml is valid/s, 'the configuration');
