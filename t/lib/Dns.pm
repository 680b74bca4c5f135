package Dns;

# A DNS server in a process of its own that knows one name. It is silent until it is told the name's
# address.

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use POSIX ();

use constant { A => 1, NAME_UNKNOWN => 3 };

sub start {
    my ($class, $name) = @_;

    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "no port: $!\n";
    pipe my $orders, my $control or die "no pipe: $!\n";
    $control->autoflush;

    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(HUP INT TERM);
        close $control;
        eval { serve($socket, $orders, $name); 1 } or print STDERR "dns: $@";
        POSIX::_exit(0);
    }
    return bless { pid => $pid, owner => $$, port => $socket->sockport, control => $control }, $class;
}

sub port { return $_[0]{port} }

# Sets the address of the name.
sub answer {
    my ($self, $address) = @_;

    print { $self->{control} } "$address\n";
    return $self;
}

sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;
    local $?;
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

sub serve {
    my ($socket, $orders, $name) = @_;

    my $address;
    my $select = IO::Select->new($orders, $socket);
    while (my @ready = $select->can_read) {
        # Orders first: one that was given before a question holds for it.
        if (grep { $_ == $orders } @ready) {
            $address = readline $orders // return;
            chomp $address;
        }
        elsif (my $asker = $socket->recv(my $query, 512)) {
            $socket->send(reply_to($query, $name, $address), 0, $asker) if defined $address;
        }
    }
    return;
}

# Reply that is valid for the second in which it arrives.
sub reply_to {
    my ($query, $name, $address) = @_;

    my ($id) = unpack 'n', $query;
    my ($question, $asked, $type) = substr($query, 12) =~ /\A(([^\0]*)\0(..)..)/s or return '';
    my $known  = join('.', unpack '(C/a)*', $asked) eq $name;
    my @record = $known && unpack('n', $type) == A ? pack 'n3 N n/a', 0xc00c, A, 1, 0, pack 'C4', split /\./, $address : ();
    return pack('n6', $id, 0x8180 + ($known ? 0 : NAME_UNKNOWN), 1, scalar @record, 0, 0) . join '', $question, @record;
}

1;
