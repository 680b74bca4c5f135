# A file of secrets that is missing, empty, broken or open to others fails
# nginx -t, which says what to do and shows no secret.

use strict;
use warnings;

use POSIX qw(mkfifo);
use Test::More;

use Client;
use Gateway;

my $TOKEN    = 'b0rKen-secret';
my $TOO_LONG = 64 * 1024 + 1;

# Directive, and what a file of one secret is called when it holds none.
my %NO_SECRET = (
    flashduty_bearer_file          => qr/"tokens" holds no token/,
    flashduty_integration_key_file => qr/first line of "\w+" is no integration key: nothing but letters, digits/,
);
# ... and when a line is broken.
my %BROKEN = (
    flashduty_bearer_file          => qr/line 1 of "tokens" is no token: one word of visible ASCII characters/,
    flashduty_integration_key_file => $NO_SECRET{flashduty_integration_key_file},
);

# Content, mode, and what is wrong with them.
my $OPEN = qr/"\S+tokens" holds secrets and is open to others: take their rights away with "chmod o-rwx"/;
my @FILES = (
    [ 'a secret for root',          "$TOKEN\n", 0600 ],
    [ 'one that may only be read',  "$TOKEN\n", 0400 ],
    [ 'one for a group',            "$TOKEN\n", 0640 ],
    [ 'one that a group may write', "$TOKEN\n", 0660 ],
    [ 'one without an end of line', $TOKEN,     0600 ],
    [ 'one with a comment behind',  "$TOKEN # of May\r\n", 0600 ],
    [ 'the largest file',           "$TOKEN\n#" . 'x' x ($TOO_LONG - 4 - length $TOKEN) . "\n", 0600 ],
    [ 'one that others may read',   "$TOKEN\n", 0604, $OPEN ],
    [ 'one that all may read',      "$TOKEN\n", 0644, $OPEN ],
    [ 'one that others may write',  "$TOKEN\n", 0602, $OPEN ],
    [ 'an empty file',              '',         0600, qr/"\S+tokens" is empty/ ],
    [ 'too large a file',           "$TOKEN\n" . 'x' x ($TOO_LONG - 1 - length $TOKEN), 0600, qr/"\S+tokens" is larger than 64 KiB/ ],
    [ 'nothing but comments',       "# $TOKEN\n\n", 0600, \%NO_SECRET ],
    [ 'nothing but blank lines',    " \n\t\n",      0600, \%NO_SECRET ],
    [ 'two words on a line',        "$TOKEN $TOKEN\n", 0600, \%BROKEN ],
    [ 'a control character',        "$TOKEN\x01\n", 0600, \%BROKEN ],
    [ 'a NUL',                      "$TOKEN\0\n",   0600, \%BROKEN ],
    [ 'a letter that is no ASCII',  "$TOKEN\xc3\xa9\n", 0600, \%BROKEN ],
);

# Server text, and what nginx says of it.
my @OTHERS = (
    [ 'tokens that are switched off', 'flashduty_bearer_file off;' ],
    [ 'both an off and a file',     'flashduty_bearer_file off; flashduty_bearer_file two;', qr/is given twice/ ],
    [ 'a token broken in line 3',   'flashduty_bearer_file third;', qr/line 3 of "third" is no token/ ],
    [ 'tokens in an if',            'location / { if ($host) { flashduty_bearer_file two; } }', qr/not allowed here/ ],
    [ 'no file of tokens',          'flashduty_bearer_file;', qr/invalid number of arguments/ ],
    [ 'no file of a key',           'flashduty_integration_key_file;', qr/invalid number of arguments/ ],
    [ 'a key with a line behind it', 'flashduty_integration_key_file two;' ],
    [ 'a key behind a comment',     'flashduty_integration_key_file comment;', $NO_SECRET{flashduty_integration_key_file} ],
    map { [ "a key with $_", 'flashduty_integration_key_file odd' . ord . ';', $NO_SECRET{flashduty_integration_key_file} ] }
        split //, '/&%"',
);

my $t = Gateway->new;
my $dir = $t->dir;
my @DIRECTIVES = sort keys %NO_SECRET;
plan tests => @DIRECTIVES * (@FILES + 2 * (grep { $_->[3] } @FILES) + 13) + @OTHERS + 2 * (grep { $_->[2] } @OTHERS);

# nginx -t of the text, as passed or failed. It must not wait for what nobody
# will send.
sub check {
    my ($text) = @_;

    local $SIG{ALRM} = sub { die "nginx -t waits\n" };
    alarm Client::PATIENCE;
    my @result = $t->check(server => "$text\n");
    alarm 0;
    return @result;
}

sub passes {
    my ($text, $name) = @_;

    my ($passed, $output) = check($text);
    ok($passed, "$name passes") or diag $output;
    return;
}

sub fails {
    my ($text, $name, $complaint) = @_;

    my ($passed, $output) = check($text);
    ok(!$passed, "$name fails");
    like($output, qr/\[emerg\] .*$complaint.* in \S+check\.conf:\d+$/m, '... and nginx says why, and where');
    unlike($output, qr/$TOKEN/, '... without the secret');
    return;
}

sub passes_or_fails {
    my ($text, $name, $complaint) = @_;
    return $complaint ? fails($text, $name, $complaint) : passes($text, $name);
}

mkdir "$dir/folder";
mkfifo("$dir/pipe", 0600);

for my $directive (@DIRECTIVES) {
    for my $case (@FILES) {
        my ($name, $content, $mode, $complaint) = @$case;
        $complaint = $complaint->{$directive} if ref $complaint eq 'HASH';
        $t->write_file('tokens', $content, $mode);
        passes_or_fails("$directive tokens;", "$directive: $name", $complaint);
    }

    $t->write_file('tokens', "$TOKEN\n", 0600);
    fails("$directive missing;", "$directive: no file", qr/open\(\) "\Q$dir\E\/missing" failed \(2: No such file/);
    fails("$directive folder;",  "$directive: a folder", qr/"\Q$dir\E\/folder" is no file/);
    fails("$directive pipe;",    "$directive: a pipe", qr/"\Q$dir\E\/pipe" is no file/);
    fails("$directive tokens; $directive tokens;", "$directive: two of them", qr/"$directive" is given twice/);

    mkdir "$dir/etc";
    $t->write_file('etc/beside', "$TOKEN\n", 0600);
    my ($passed, $output) = $t->check(server => "$directive beside;", in => 'etc');
    ok($passed, "$directive: a path is relative to the configuration's") or diag $output;
}

$t->write_file('two',     "$TOKEN-1\n$TOKEN 2\n", 0600);
$t->write_file('third',   "# $TOKEN\n$TOKEN-2\n$TOKEN 3\n", 0600);
$t->write_file('comment', "# of May\n$TOKEN\n", 0600);
$t->write_file('odd' . ord, "$TOKEN${_}x\n", 0600) for split //, '/&%"';
passes_or_fails(@$_[ 1, 0, 2 ]) for @OTHERS;

$t->stop;
