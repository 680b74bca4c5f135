package Browser;

# A page in a real browser: Debian's chromium, driven by t/browser/browser.js. All
# pages of a test are in one browser, each with a profile of its own.
#
# TEST_BROWSER   chromium, if it lies elsewhere

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Handle;
use IPC::Open2 qw(open2);
use JSON::PP;
use Test::More ();

# Server block whose page is at /.
use constant SERVER => <<'EOC';
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /flashduty {
            internal;
            proxy_pass %%PUSH_URL%%;
        }
        location = / {
            flashduty_status html;
        }
EOC

# Names of tests are texts of the page, Chinese ones too.
binmode $_, ':encoding(UTF-8)' for map { Test::More->builder->$_ } qw(output failure_output todo_output);

# The page asks every two seconds, and the gateway's own delays come on top.
use constant PATIENCE => 30;

my $DRIVER = dirname(__FILE__) . '/../browser/browser.js';
my $json   = JSON::PP->new->utf8->allow_nonref->canonical;
my ($pid, $answers, $orders);

sub order {
    my (@order) = @_;

    if (!$pid) {
        $pid = open2($answers, $orders, 'node', $DRIVER, $ENV{TEST_BROWSER} || '/usr/bin/chromium');
        $orders->autoflush;
    }
    print {$orders} $json->encode(\@order), "\n";
    my $line   = readline $answers // die "the browser has died\n";
    my $answer = $json->decode($line);
    die "$order[0]: $answer->{error}\n" if defined $answer->{error};
    return $answer->{value};
}

END {
    local $?;
    if ($pid) {
        close $orders;
        waitpid $pid, 0;
    }
}

# Opens a page. The options are those of Playwright's newContext: locale, colorScheme, viewport, ...
sub open {
    my ($class, $url, %options) = @_;

    my %usual = (locale => 'en-GB', timezoneId => 'Asia/Shanghai', viewport => { width => 1200, height => 800 });
    return bless { id => order('open', $url, { %usual, %options }) }, $class;
}

# Orders of browser.js for a page.
for my $name (qw(visit ask press type hover roles seen tell picture close)) {
    no strict 'refs';
    *$name = sub { my ($self, @values) = @_; return order($name, $self->{id}, @values) };
}

# Waits until an expression of JavaScript is true.
sub comes {
    my ($self, $expression) = @_;
    return order('comes', $self->{id}, $expression, PATIENCE);
}

# Waits until an element of the page shows a text, given as a pattern of JavaScript.
sub says {
    my ($self, $selector, $pattern) = @_;
    return $self->comes("/$pattern/.test(document.querySelector('$selector').textContent)");
}

# Text that a reader sees in an element.
sub text {
    my ($self, $selector) = @_;
    return $self->ask("document.querySelector('$selector').innerText");
}

1;
