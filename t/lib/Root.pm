package Root;

# Root of a fresh Debian, made by mmdebstrap, in which commands run. Its processes share the network
# with the test, and nothing else.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);

use Gateway;

# suite; folder: its place; packages => [...]
sub make {
    my ($class, %root) = @_;

    my $self = bless {%root}, $class;
    $self->umount;
    remove_tree($self->{folder});
    make_path($self->{folder});
    my @include = @{ $self->{packages} } ? ('--include=' . join ',', @{ $self->{packages} }) : ();
    $self->must('mmdebstrap', '--quiet', '--variant=minbase', @include, $self->{suite}, $self->{folder});
    $self->must('cp', '/etc/resolv.conf', "$self->{folder}/etc/resolv.conf");
    $self->must(qw(mount -t proc proc), "$self->{folder}/proc");
    return $self;
}

sub must {
    my ($self, @command) = @_;

    system(@command) == 0 or die "@command: failed with $?\n";
    return;
}

sub path { return "$_[0]{folder}$_[1]" }

# Runs a command of the shell in it; returns its status and output.
sub run {
    my ($self, $command) = @_;

    my @enter = $self->{init} ? ('nsenter', '--all', '--target', $self->{init}) : ('chroot', $self->{folder});
    open my $pipe, '-|', @enter, '/usr/bin/env', '-i',
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive',
        'LC_ALL=C.UTF-8', '/bin/sh', '-c', "exec 2>&1 </dev/null; $command"
        or die "cannot run @enter: $!\n";
    local $/ = undef;
    my $output = <$pipe> // '';
    close $pipe;
    return ($? >> 8, $output);
}

# Output of a command that must succeed.
sub output {
    my ($self, $command) = @_;

    my ($status, $output) = $self->run($command);
    die "$command: status $status\n$output" if $status;
    return $output;
}

sub write_file {
    my ($self, $name, $text) = @_;

    my $path = $self->path($name);
    open my $file, '>', $path or die "cannot write $path: $!\n";
    print {$file} $text or die "cannot write $path: $!\n";
    close $file or die "cannot write $path: $!\n";
    return $self;
}

sub read_file {
    my ($self, $name) = @_;

    open my $file, '<', $self->path($name) or return '';
    local $/ = undef;
    return <$file>;
}

# Sets whether packages may start services in it.
sub let_services_start {
    my ($self, $may) = @_;

    my $policy = '/usr/sbin/policy-rc.d';
    $self->write_file($policy, "#!/bin/sh\nexit " . ($may ? 104 : 101) . "\n");
    chmod 0755, $self->path($policy) or die "cannot chmod $policy: $!\n";
    return $self;
}

# Files and folders below some places, each with its type and the target of a link.
sub files {
    my ($self, @places) = @_;
    return split /\n/, $self->output("find @places -printf '%p %y %l\\n' | sort");
}

# Boots it, with systemd as its first process; log: a file. Its network is the
# machine's.
sub boot {
    my ($self, $log) = @_;

    $self->umount;
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        open STDIN,  '<', '/dev/null' or die "cannot read /dev/null: $!\n";
        open STDOUT, '>', $log        or die "cannot write $log: $!\n";
        open STDERR, '>&', \*STDOUT   or die "cannot write $log: $!\n";
        exec qw(systemd-nspawn --register=no --keep-unit --boot -D), $self->{folder}
            or die "cannot run systemd-nspawn: $!\n";
    }
    $self->{nspawn} = $pid;
    return eventually { $self->{init} = init_of($pid) };
}

# First process of a container, once it is systemd.
sub init_of {
    my ($pid) = @_;

    for my $child (split ' ', read_line("/proc/$pid/task/$pid/children")) {
        return $child if read_line("/proc/$child/comm") eq "systemd\n";
    }
    return;
}

sub read_line {
    my ($name) = @_;

    open my $file, '<', $name or return '';
    return readline($file) // '';
}

sub shut_down {
    my ($self) = @_;

    my $pid = delete $self->{nspawn} or return;
    kill 'TERM', $pid;    # systemd-nspawn has systemd power off
    waitpid $pid, 0;
    delete $self->{init};
    return;
}

sub umount {
    my ($self) = @_;

    system("mountpoint -q $self->{folder}/proc && umount $self->{folder}/proc");
    return;
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $@);
    $self->shut_down;
    $self->umount;
    return;
}

1;
