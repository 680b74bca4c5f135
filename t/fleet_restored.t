# A database that was restored to an earlier state: what waited there long before may have been
# delivered since, so it waits, and the log says so, until an operator lets it go.

use strict;
use warnings;

use File::Path qw(remove_tree);
use Test::More;

use BlueKing;
use Client;
use Edge;
use Flashduty;
use Gateway;
use Postgres;

Postgres->or_skip;
my $db = Postgres->start;
my $t  = Edge->new(database => $db->conninfo, edge => 'a')->plan(10)->start;
ok($t->comes_to_lead, 'an edge leads');

my $target;

sub post {
    my ($key) = @_;
    return $t->post('/blueking', alert(event => { id => $key, event_id => $key }))->verdict;
}

sub pushed  { return scalar grep { $_->{body} =~ /"\Q$_[0]\E"/ } $t->taker->pushes }
sub is_up   { return $t->get('/status')->json->{fleet}{up} }
sub sql     { return $db->psql('postgres', '-c', 'SET search_path = flashduty', '-c', $_[0]) =~ s/\n\z//r }

sub delivers {
    my ($key) = @_;

    my $tries = 0;
    return eventually { post($key . $tries++) eq '200 delivered' };
}

# The target takes pushes again. The first order after the database was away may fail.
sub resume {
    return eventually { $t->ask('POST', "targets/$target->{id}/resume")->status == 200 };
}

# Stops the database, does something and starts it again; the edge is back with it when this returns.
sub while_stopped (&) {
    my ($do) = @_;

    my $beat = sql('SELECT beat FROM beat');
    $db->kill_all;
    $do->();
    $db->go;
    return eventually { is_up() && sql('SELECT beat FROM beat') ne $beat };
}

ok(delivers('before'), 'it delivers');
($target) = @{ $t->ask('GET', 'targets')->json->{targets} };
$t->ask('POST', "targets/$target->{id}/pause?for=1h");
like(post('old'), qr/^202/, 'an event waits');
sql("UPDATE $_") for 'event SET accepted_ms = accepted_ms - 1200000', 'alert SET since_ms = since_ms - 1200000 WHERE first_id > 0';
my $kept = $db->data . '.kept';
while_stopped { system 'cp', '-a', $db->data, $kept };
resume();
ok((eventually { pushed('old') && sql('SELECT count(*) FROM event') == 0 }), 'it is delivered');

while_stopped {
    remove_tree($db->data);
    rename $kept, $db->data;
};
ok((eventually { $t->error_log =~ /\[crit\] .* 1 events of before PostgreSQL was restored may have been delivered/ }), 'an earlier state is restored: the log says that something waits');
resume();
ok(delivers('new'), 'what comes now is delivered');
is(pushed('old'), 1, 'the old event is not');
sql('SELECT let_go_held_back()');
ok((eventually { pushed('old') == 2 }), 'until it is let go');
ok((eventually { sql('SELECT count(*) FROM event') == 0 }), 'and nothing waits');
ok((eventually { $t->error_log =~ /no event of before PostgreSQL was restored waits any more/ }), 'as the log says');
