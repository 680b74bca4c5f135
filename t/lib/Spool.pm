package Spool;

# A gateway with a spool, and questions of tests about it.

use strict;
use warnings;

use parent 'Gateway';

use File::Path qw(make_path);
use IO::Handle;
use JSON::PP;

use Gateway;

my $SERVER = <<'EOC';
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
            proxy_read_timeout %%SHORT%%;
        }
EOC

# As Gateway's. Also: spool (parameters of flashduty_spool; undef: none is there);
# rate (off, unless a test is about it); after (what flashduty_spool_after is in
# http: so long that a busy machine makes no difference). Without server and http
# it has one server that pushes.
sub new {
    my ($class, %config) = @_;

    $config{server} //= $SERVER if !defined $config{http};
    my $self = $class->SUPER::new(spool => '', rate => 'off', after => '60s', %config);
    make_path($self->folder, { mode => 0700 });
    return $self;
}

sub configuration {
    my ($self, %part) = @_;

    my $text   = $self->SUPER::configuration(%part);
    my $file   = $self->file;
    my %values = (%$self, %part);
    return $text if defined $part{conf} || !defined $values{spool};
    my $lines = "    flashduty_spool $file $values{spool};\n    flashduty_rate $values{rate};\n"
        . "    flashduty_spool_after $values{after};\n";
    return $text =~ s/^http \{\n\K/$lines/mr;
}

sub folder { return $_[0]->dir . '/spool' }
sub file   { return $_[0]->folder . '/spool.db' }

# Contents of all files on disk, as one text.
sub bytes {
    my ($self) = @_;
    return join '', map { $self->read_file("spool/$_") } map {m{([^/]+)\z}} grep { -f } glob $self->folder . '/*';
}

# --- what is in it -----------------------------------------------------------

# Rows of a statement, as hashes of bytes.
sub query {
    my ($self, $sql) = @_;

    return if !-e $self->file;    # sqlite3 would make one
    open my $output, '-|', 'sqlite3', '-json', '-cmd', '.timeout 5000', $self->file, $sql
        or die "cannot run sqlite3: $!\n";
    local $/;
    my $text = <$output>;
    close $output or die "sqlite3 fails: $sql\n";
    return length $text ? @{ JSON::PP->new->decode($text) } : ();
}

# Number of waiting events: 0 where the spool is only just being made.
sub waiting {
    my ($self) = @_;

    $self->query("SELECT 1 FROM sqlite_master WHERE name = 'event'") or return 0;
    my ($row) = $self->query('SELECT count(*) AS count FROM event');
    return $row->{count};
}

# Waits until so many events wait, or none.
sub comes_to_wait {
    my ($self, $count) = @_;
    return $self->is_back(sub { $self->waiting == $count });
}

# Waits until the target is back, which may take one more try: after an outage of some seconds that
# is up to four times as far away.
sub is_back {
    my ($self, $condition) = @_;

    for (1 .. 6) {
        return 1 if &eventually($condition);
    }
    return;
}

sub runs_empty { return $_[0]->comes_to_wait(0) }

# Dead letters, with their bodies unchanged.
sub dead {
    my ($self) = @_;

    my @dead = $self->query('SELECT *, hex(body) AS body FROM dead ORDER BY event_id');
    $_->{body} = pack 'H*', $_->{body} for @dead;
    return @dead;
}

# --- keeping it from the gateway ---------------------------------------------

# Opens sqlite3 in a write transaction; it holds the spool until it is closed.
sub hold {
    my ($self) = @_;

    my $sign = $self->dir . '/held';
    unlink $sign;
    open my $sqlite, '|-', 'sqlite3', $self->file or die "cannot run sqlite3: $!\n";
    $sqlite->autoflush;
    print {$sqlite} ".timeout 10000\nBEGIN EXCLUSIVE;\n.shell touch $sign\n";
    eventually { -e $sign } or die "sqlite3 does not get the lock\n";
    return $sqlite;
}

# --- who delivers ------------------------------------------------------------

# Process that was elected last, if it still lives.
sub deliverer {
    my ($self) = @_;

    my @elected = $self->error_log =~ /(\d+)#\d+: flashduty spool: this process delivers$/mg;
    return @elected && kill(0, $elected[-1]) ? $elected[-1] : undef;
}

1;
