#!/usr/bin/perl
# The bodies that are measured, written into a folder: two of t/payloads as they are, and
# t/payloads/dims_90.json with as many dimensions as make the larger sizes.
#
# usage: bodies.pl FOLDER
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);

my $PAYLOADS = abs_path(dirname(__FILE__) . '/../payloads');

my ($folder) = @ARGV;
die "usage: bodies.pl FOLDER\n" if !defined $folder;
make_path($folder);

my $many = slurp("$PAYLOADS/dims_90.json");
die "dims_90.json is not made of equal dimensions any more\n" if with_dimensions(90) ne $many;

spill('1k',   slurp("$PAYLOADS/v6_doc_sample.json"));
spill('3k',   slurp("$PAYLOADS/severity_escalated.json"));
spill('16k',  within(16 << 10));
spill('200k', within(200 << 10));
spill('2m',   within(2 << 20));

# Makes each run of dimensions, whether names, values or translations, as long as needed.
sub with_dimensions {
    my ($count) = @_;
    my $one = qr/"label_\d\d_[^"]*"(?:: (?:"[^"]*"|\{[^{}]*\}))?/;
    return $many =~ s/($one)(?:, $one)*/join ', ', map { numbered($1, $_) } 0 .. $count - 1/ger;
}

sub numbered {
    my ($dimension, $number) = @_;
    my $two_digits = sprintf '%02d', $number;
    return $dimension =~ s/(label_|value-)00/$1$two_digits/gr =~ s/x=0/x=$number/gr;
}

# The largest body of that many bytes at most.
sub within {
    my ($most_bytes) = @_;
    my ($few, $too_many) = (0, int($most_bytes / 100));
    while ($too_many - $few > 1) {
        my $count = int(($few + $too_many) / 2);
        if   (length with_dimensions($count) <= $most_bytes) { $few      = $count }
        else                                                 { $too_many = $count }
    }
    return with_dimensions($few);
}

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

sub spill {
    my ($name, $body) = @_;
    open my $file, '>:raw', "$folder/$name.json" or die "$folder/$name.json: $!\n";
    print $file $body;
    close $file or die "$folder/$name.json: $!\n";
}
