package Disk;

# Disks that a test fills, forbids and breaks, and a spool's files on them. Use it before Gateway,
# whose nginx has to be gone when a mount is taken away.

use strict;
use warnings;

use List::Util qw(max);

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp;
use Test::More import => [qw(plan)];

our @EXPORT = qw(mounts_of_its_own may_mount mount_small fill make_room allow_writing forbid_writing
    fail_syncs_of syncs_fail syncs_work failed_syncs failing_syncs lose_power stop_nginx files sql crits);

my $LIB = abs_path(dirname(__FILE__));
my @mounted;

# --- mounts ------------------------------------------------------------------

# Restarts the test where nobody else sees its mounts; skips the test without the right to mount.
sub mounts_of_its_own {
    may_mount() or plan(skip_all => 'needs the right to mount');
    return;
}

# Restarts the test where nobody else sees its mounts; false without the right to mount.
sub may_mount {
    return 1 if $ENV{TEST_OWN_MOUNTS};

    my $probe = File::Temp->newdir('mount.XXXXXX', TMPDIR => 1);
    system "unshare -m mount -t tmpfs none '$probe' 2>/dev/null" and return;
    $ENV{TEST_OWN_MOUNTS} = 1;
    undef $probe;
    exec 'unshare', '-m', $^X, "-I$LIB", $0 or die "cannot execute unshare: $!\n";
}

# Mounts a small disk at a folder, which is empty then.
sub mount_small {
    my ($folder, $size) = @_;

    mount('-t', 'tmpfs', '-o', "size=$size,mode=700", 'none', $folder);
    push @mounted, $folder;
    return;
}

sub mount { system('mount', @_) == 0 or die "cannot mount: @_\n" }

sub forbid_writing { return mount('-o', 'remount,ro', $_[0]) }
sub allow_writing  { return mount('-o', 'remount,rw', $_[0]) }

# Takes all room in a folder but so many bytes, or gives it back.
sub fill {
    my ($folder, $left) = @_;

    open my $file, '>>', "$folder/filling" or die "cannot fill $folder: $!\n";
    for my $size (65536, 1) {
        1 while syswrite $file, 'x' x $size;
    }
    die "cannot fill $folder: $!\n" if !$!{ENOSPC};
    truncate $file, max(0, (-s $file) - ($left // 0)) or die "cannot fill $folder: $!\n";
    return;
}

sub make_room {
    my ($folder) = @_;

    unlink "$folder/filling" or die "cannot make room in $folder: $!\n";
    return;
}

# --- syncs -------------------------------------------------------------------

my %failing;

# Prepares syncs that fail for a spool, in every nginx started after this; the orders and the lost
# data are kept in a folder.
sub fail_syncs_of {
    my ($spool, $folder) = @_;

    my $library = $ENV{TEST_FAILING_SYNC} || "$LIB/../../build/failing_sync.so";
    plan(skip_all => "needs $library") if !-e $library;
    %failing = (
        FAILING_SYNC_FILE  => $spool,
        FAILING_SYNC_WHEN  => "$folder/syncs-fail",
        FAILING_SYNC_STATE => "$folder/syncs",
        LD_PRELOAD         => $library,
        # nginx may have a sanitizer in it.
        ASAN_OPTIONS => join(':', grep {defined} $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0'),
    );
    return;
}

sub failing_syncs {
    my ($code) = @_;

    # Other libraries may be preloaded as well.
    my $libraries = join ' ', grep {defined} $ENV{LD_PRELOAD}, $failing{LD_PRELOAD};
    local %ENV = (%ENV, %failing, LD_PRELOAD => $libraries);
    return $code->();
}

# Makes all syncs fail, or those of some inodes; "later": the lost data can be read until the power
# fails.
sub syncs_fail {
    my (@words) = @_;

    open my $file, '>', $failing{FAILING_SYNC_WHEN} or die "cannot let syncs fail: $!\n";
    print {$file} map {"$_\n"} @words;
    return close $file;
}

sub syncs_work { return unlink $failing{FAILING_SYNC_WHEN} }

# Number of syncs that have failed since syncs_fail().
sub failed_syncs {
    open my $file, '<', $failing{FAILING_SYNC_WHEN} or return 0;
    local $/;
    return (readline($file) // '') =~ tr/!//;
}

# Loses everything that was not synced. No nginx may run.
sub lose_power {
    local $ENV{FAILING_SYNC_POWER_LOSS} = 1;
    failing_syncs(sub { system('/bin/true') == 0 }) or die "cannot lose what was not synced\n";
    return;
}

# --- the spool's files -------------------------------------------------------

# Stops nginx alone, not its Flashduty; it can be started again.
sub stop_nginx {
    my ($gateway) = @_;

    $gateway->signal('QUIT');
    Gateway::eventually(sub { $gateway->has_ended }) or die "nginx does not leave\n";
    return $gateway;
}

# Names of the spool's files.
sub files {
    my ($spool) = @_;

    opendir my $folder, $spool->folder or die "cannot read the spool's folder: $!\n";
    return sort grep { !/^\.\.?\z/ } readdir $folder;
}

# Output of a statement on the database, as text.
sub sql {
    my ($database, $statement) = @_;

    open my $output, '-|', 'sqlite3', '-cmd', '.timeout 10000', $database, $statement or die "cannot run sqlite3: $!\n";
    my $text = do { local $/; <$output> };
    close $output or die "sqlite3 has failed\n";
    return $text // '';
}

# Critical lines of the log.
sub crits { return join "\n", $_[0]->error_log =~ /^.*\[crit\].*$/mg }

END {
    local $?;
    system 'umount', '-l', $_ for reverse @mounted;
}

1;
