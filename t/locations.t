# Push and preview work in every kind of location: found by a regular
# expression, rewritten to, changed by an if or a limit_except.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Gateway;

my $t = Gateway->new(http => <<'EOC')->plan(35)->start;
    map $blueking_biz_id $route {
        volatile;
        2       /flashduty;
        default /nowhere;
    }

    server {
        listen 127.0.0.1:%%PORT%%;

        location ~ ^/team/(\w+)$ {
            flashduty_label team $1;
            flashduty_push /flashduty?team=$1;
        }
        location ~ ^/named/(?<team>\w+)$ {
            flashduty_label team $team;
            flashduty_push /flashduty?team=$team;
        }
        location = /rewritten {
            rewrite ^ /team/rewritten last;
        }
        location = /push_rewritten {
            flashduty_push /rewriting;
        }
        location = /push_tried {
            flashduty_push /trying;
        }
        location /prefix {
            flashduty_label level prefix;
            flashduty_push /flashduty;

            location /prefix/inner {
                flashduty_push /flashduty?inner=1;
            }
        }

        location = /if_set {
            if ($route = /nowhere) {
                set $seen nowhere;
            }
            flashduty_title "title $seen";
            flashduty_push $route;
        }
        location = /if_push {
            set $found 0;
            if ($http_x_team) {
                set $found 1;
            }
            flashduty_title "if $found";
            flashduty_label a b;
            flashduty_push /flashduty?found=$found;
        }
        location = /if_fields {
            flashduty_title "title $http_x_team";
            if ($http_x_team) {
                add_header X-Team $http_x_team always;
            }
            flashduty_preview;
        }
        location = /limited_allowed {
            limit_except POST {
                allow 127.0.0.1;
                deny all;
            }
            flashduty_title limited;
            flashduty_push /flashduty;
        }
        location = /limited_denied {
            limit_except POST {
                deny all;
            }
            flashduty_push /flashduty;
        }
        location = /limited_preview {
            limit_except POST {
                allow all;
            }
            flashduty_preview;
        }

        location = /flashduty {
            internal;
            proxy_pass http://127.0.0.1:%%PEER%%/event/push/alert/standard?integration_key=%%KEY%%&$args;
        }
        location = /rewriting {
            internal;
            rewrite ^ /flashduty?by=rewrite last;
        }
        location = /trying {
            internal;
            try_files /no_such_file @flashduty;
        }
        location @flashduty {
            proxy_pass http://127.0.0.1:%%PEER%%;
            rewrite ^ /event/push/alert/standard?integration_key=named break;
        }
    }
EOC

# An alert sent to a location, and what Flashduty then got.
sub delivers {
    my ($method, $uri, @headers) = @_;

    my $before = $t->flashduty->count;
    my $name   = "$method $uri @headers";
    is($t->client->request($method, $uri, alert(), @headers)->verdict, '200 delivered', "$name is delivered");
    is($t->flashduty->count, $before + 1, 'once');
    return $t->flashduty->last_push || { uri => '', body => '' };
}

like(delivers('POST', '/team/ops')->{uri}, qr/&team=ops$/, 'a capture in the uri');
like($t->flashduty->last_push->{body}, qr/"team":"ops"/, 'and in a label');
like(delivers('POST', '/named/ops')->{uri},    qr/&team=ops$/,       'a named capture');
like(delivers('POST', '/rewritten')->{uri},    qr/&team=rewritten$/, 'a rewrite to it');
like(delivers('POST', '/push_rewritten')->{uri}, qr/&by=rewrite$/,   'a push location that rewrites');
like(delivers('POST', '/push_tried')->{uri},   qr/=named$/,          'one with try_files');
like(delivers('POST', '/prefix/inner')->{uri}, qr/&inner=1$/,        'a nested location');

like(delivers('POST', '/if_push')->{body}, qr/"title_rule":"if 0"/, 'an if that does not hold');
like(delivers('POST', '/if_push', 'X-Team' => 'ops')->{body}, qr/"title_rule":"if 1"/, 'one that holds');
like(delivers('POST', '/if_set')->{body}, qr/"title_rule":"title nowhere"/, 'an if that asked a map before');

my $response = $t->post('/if_fields', alert(), 'X-Team' => 'ops');
is($response->json->{title_rule}, 'title ops', 'a preview with an if that holds');

is($t->post('/limited_denied', alert())->verdict, '200 delivered', 'limit_except lets POST through');
is($t->client->request('PUT', '/limited_denied', alert())->status, '403', 'and denies PUT');
like(delivers('PUT', '/limited_allowed')->{body}, qr/"title_rule":"limited"/, 'a method that limit_except allows');
is($t->client->request('PUT', '/limited_preview', alert())->status, '200', 'also for a preview');
