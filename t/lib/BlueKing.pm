package BlueKing;

# Bodies as BlueKing sends them: the samples of t/payloads, and one small alert whose members a test
# changes.

use strict;
use warnings;

use Exporter qw(import);
use File::Basename qw(dirname);
use JSON::PP;

our @EXPORT = qw(alert payload payload_names DEBUG_BODY);

use constant DEBUG_BODY => '{"alarm": "json\u6587\u672c\u683c\u5f0f"}';

my $PAYLOADS = dirname(__FILE__) . '/../payloads';

sub payload {
    my ($name) = @_;

    open my $file, '<:raw', "$PAYLOADS/$name.json" or die "no payload $name: $!\n";
    local $/;
    return scalar <$file>;
}

sub payload_names {
    return map {m{([^/]+)\.json\z}} sort glob "$PAYLOADS/*.json";
}

# alert(event => {level => 1}, bk_biz_id => 7): members of event and strategy
# are changed one by one, all others replaced.
sub alert {
    my (%change) = @_;

    my %event = (
        id             => '17161930461000001',
        event_id       => '17161930461000001',
        level          => 2,
        level_name     => 'Warning',
        begin_time     => '2024-05-20 08:15:00',
        end_time       => undef,
        dimensions     => { bk_target_ip => '10.0.1.10' },
        %{ delete $change{event} || {} },
    );
    my %strategy = (id => 144, name => 'CPU usage', item_list => [], %{ delete $change{strategy} || {} });
    my %message  = (
        type          => 'ANOMALY_NOTICE',
        scenario      => 'os',
        bk_biz_id     => 2,
        bk_biz_name   => 'BlueKing',
        current_value => 96.3,
        description   => 'avg(usage) >= 80.0%',
        labels        => [ 'cpu', 'host' ],
        %change,
        event    => \%event,
        strategy => \%strategy,
    );
    return JSON::PP->new->ascii->canonical->encode(\%message);
}

1;
