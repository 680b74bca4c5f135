#!/usr/bin/perl
# Makes compile_commands.json of what `make -n` prints.
#
# usage: make -n ... | compile_commands.pl OWN_FOLDER NGINX_SOURCE
use strict;
use warnings;

use JSON::PP;

my ($own, $nginx) = @ARGV;
my $text = do { local $/; <STDIN> };
$text =~ s/\\\n//g;

my (%seen, @commands);
for my $line (split /\n/, $text) {
    next unless $line =~ /^\s*\S*(?:cc|c\+\+|clang|gcc|g\+\+)\s/;
    my ($file) = $line =~ m{(\S+\.cpp)(?=\s|$)} or next;
    $file = "$own/$file" unless $file =~ m{^/};
    next unless index($file, "$own/") == 0 && !$seen{$file}++;
    # nginx compiles in its own tree, our tests in ours.
    my $folder = $line =~ m{-I\s*src/core\s+-I\s*src/event} ? $nginx : $own;
    push @commands, {directory => $folder, command => $line, file => $file};
}
print JSON::PP->new->canonical->pretty->encode([sort { $a->{file} cmp $b->{file} } @commands]);
