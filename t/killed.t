# A test that is killed leaves no nginx behind.

use strict;
use warnings;

use Test::More;

use Gateway;
use Spool;

for my $daemon (0, 1) {
    pipe my $told, my $tell or die "cannot pipe: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        my $t = Spool->new(daemon => $daemon, workers => 2)->start;
        eventually { $t->workers == 2 };
        syswrite $tell, join ' ', $t->master, $t->workers;
        sleep 1 while 1;
    }
    close $tell;
    sysread $told, my $pids, 100;
    my @pids = split ' ', $pids // '';
    my $name = $daemon ? 'in the background' : 'in the foreground';
    is(scalar @pids, 3, "an nginx $name runs, with two workers");
    kill 'KILL', $pid;
    waitpid $pid, 0;
    ok(eventually { !grep { kill 0, $_ } @pids }, 'its test is killed, and it is gone');
}
done_testing();
