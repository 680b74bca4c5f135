package Run;

# What run.pl and fleet.pl have in common: files, and configurations with marks to fill in.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use IO::Socket::INET;

our @EXPORT = qw(HERE slurp spill is_taken nobody conf_for complaints);

use constant HERE => abs_path(dirname(__FILE__));

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

sub spill {
    my ($path, $content) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file $content;
    close $file or die "$path: $!\n";
}

# Whether somebody listens at an address.
sub is_taken {
    my ($address) = @_;
    return defined IO::Socket::INET->new(PeerAddr => $address);
}

# User and group that take root's place: neither workers nor a database may be root. Nothing unless
# this is root.
sub nobody { return $> == 0 ? (getpwnam('nobody'))[2, 3] : () }

# A configuration of this folder, with the values of its marks.
sub conf_for {
    my ($name, %value) = @_;
    my @nobody = nobody();
    $value{USER} = @nobody ? 'user nobody ' . getgrgid($nobody[1]) . ';' : '';
    $value{HERE} = HERE;
    my $conf = slurp(HERE . "/$name");
    $conf =~ s/%%(\w+)%%/$value{$1} \/\/ die "nothing for $1\n"/ge;
    return $conf;
}

# Lines of a log that say why nginx did not start.
sub complaints {
    my ($log) = @_;
    return -e $log ? join '', grep {/\[(?:emerg|alert)\]/} split /^/, slurp($log) : '';
}

1;
