# Output of `nginx -t` about flashduty_api, and the page that uses one.

use strict;
use warnings;

use Gateway;

my @GOOD = (
    [ 'a prefix location',         'location /api/ { flashduty_api; }' ],
    [ 'one without a slash',       'location /api { flashduty_api write=off; }' ],
    [ 'one that regexes yield to', 'location ^~ /api/ { flashduty_api write=on; }' ],
    [ 'one within another',        'location /a/ { location /a/api/ { flashduty_api; } }' ],
    [ 'a page that names it',      'location /api/ { flashduty_api; } location = /status { flashduty_status html api=/api/; }' ],
    [ 'a page before it',          'location = /status { flashduty_status api=/api/ html; } location /api/ { flashduty_api; }' ],
    [ 'a page by what is accepted', 'location = /status { flashduty_status api=/api/; } location /api/ { flashduty_api; }' ],
);

my $no_prefix = qr/"flashduty_api" serves what lies below a path: it takes a prefix location/;
my $names_no  = qr/"api=\/api\/" of "flashduty_status" names no location with "flashduty_api" of its server block in \S+check\.conf:\d+$/m;
my @BAD       = (
    [ 'an exact location',       'location = /api { flashduty_api; }',               $no_prefix ],
    [ 'a regex',                 'location ~ ^/api/ { flashduty_api; }',             $no_prefix ],
    [ 'a regex in any case',     'location ~* ^/api/ { flashduty_api; }',            $no_prefix ],
    [ 'a named location',        'location @api { flashduty_api; }',                 $no_prefix ],
    [ 'another word',            'location /api/ { flashduty_api read=on; }',        qr/takes write=on or write=off, not "read=on"/ ],
    [ 'two words',               'location /api/ { flashduty_api write=on write=on; }' ],
    [ 'an api in a server',      'flashduty_api;' ],
    [ 'an api twice',            'location /api/ { flashduty_api; flashduty_api; }', qr/exclude each other/ ],
    [ 'an api beside a status',  'location /api/ { flashduty_api; flashduty_status; }', qr/exclude each other/ ],
    [ 'an api beside a proxy_pass', 'location /api/ { flashduty_api; proxy_pass http://127.0.0.1; }', qr/takes no other handler/ ],
    [ 'a push that leads to one', 'location = /a { flashduty_push /api/x; } location /api/ { flashduty_api; }', qr/"flashduty_push" names "\/api\/x"/ ],
    [ 'a page that names nothing', 'location = /status { flashduty_status html api=/api/; }',         $names_no ],
    [ 'a page that names another', 'location /api { flashduty_api; } location = /status { flashduty_status api=/api/; }', $names_no ],
    [ 'an empty name',           'location = /status { flashduty_status html api=; }', qr/takes api=, not "api="/ ],
    [ 'a name twice',            'location = /status { flashduty_status api=/a api=/b; }', qr/takes api=, not "api=\/b"/ ],
    [ 'two formats',             'location = /status { flashduty_status html json; }', qr/not "json"/ ],
);

check_server_lines(\@GOOD, \@BAD);
