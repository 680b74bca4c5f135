# The module in TEST_FLASHDUTY_MODULE is as hard as a distribution's.

use strict;
use warnings;

use Test::More;

my $module = $ENV{TEST_FLASHDUTY_MODULE} || 'build/ngx_http_flashduty_module.so';
plan(skip_all => 'needs readelf') if system('command -v readelf >/dev/null') != 0;
plan(tests => 7);

my $segments = qx{readelf -lW $module};
my $dynamic  = qx{readelf -dW $module};
my $names    = qx{readelf -W --dyn-syms $module};

like($segments, qr/^ *GNU_RELRO /m, 'what is relocated becomes read-only');
like($dynamic, qr/\bBIND_NOW\b|FLAGS_1\).*\bNOW\b/, 'all of it, for it is bound at once');
like($segments, qr/^ *GNU_STACK .* RW /m, 'no stack is executable');
unlike($dynamic, qr/TEXTREL/, 'no code is written to');
like($names, qr/\b__stack_chk_fail\b/, 'stacks are guarded');
like($names, qr/\b__\w+_chk\b(?<!__stack_chk)/, 'copies are checked');

my @shown = grep { !/ UND | LOCAL |\bABS\b/ } grep {/ (?:FUNC|OBJECT) /} split /\n/, $names;
is(join(' ', sort map {/(\S+)$/} @shown), 'ngx_module_names ngx_module_order ngx_modules',
    'nginx sees the names that it asks for, and no others');
