# Other directives in the location that a push goes to: none of them makes a yes where there was
# none, or loses one, or sends the event elsewhere.

use strict;
use warnings;

use Test::More;

use BlueKing;
use Client;
use Flashduty;
use Gateway;

my $DELIVERED = '200 delivered';
my $REFUSED   = '502 refused';
my $FAILED    = '502 failed';
my $SLOW_DOWN = '503 failed';

my $PASS = 'proxy_pass %%PUSH_URL%%;';
my $YES  = q(return 200 '{"request_id":"r"}';);

# The directives; then the answer to the caller when Flashduty says yes and when
# it says no, and how many pushes Flashduty got.
my @LOCATIONS = (

    # nginx's access rules hold for callers, a push passes them.
    [ "deny all; $PASS",                                         $DELIVERED, $REFUSED, 2 ],
    [ "auth_basic b; auth_basic_user_file %%DIR%%/users; $PASS", $DELIVERED, $REFUSED, 2 ],
    [ "auth_request /no; $PASS",                                 $DELIVERED, $REFUSED, 2 ],
    [ "satisfy any; deny all; auth_request /no; $PASS",          $DELIVERED, $REFUSED, 2 ],

    # Directives that make nothing else of the event, nor of the answer.
    [ "mirror /copy; $PASS",                                     $DELIVERED, $REFUSED, 2 ],
    [ "post_action /copy; $PASS",                                $DELIVERED, $REFUSED, 2 ],
    [ "proxy_store %%DIR%%/stored; $PASS",                       $DELIVERED, $REFUSED, 2 ],
    [ "proxy_cache cache; $PASS",                                $DELIVERED, $REFUSED, 2 ],
    [ "proxy_cache cache; proxy_cache_methods POST; $PASS",      $DELIVERED, $REFUSED, 2 ],
    [ "ssi on; ssi_types *; $PASS",                              $DELIVERED, $REFUSED, 2 ],
    [ "gzip on; gzip_min_length 1; gzip_types *; $PASS",         $DELIVERED, $REFUSED, 2 ],
    [ "expires 1h; add_header Retry-After 9 always; $PASS",      $DELIVERED, $REFUSED, 2 ],
    [ "limit_rate 1; $PASS",                                     $DELIVERED, $REFUSED, 2 ],
    [ "proxy_ignore_client_abort on; $PASS",                     $DELIVERED, $REFUSED, 2 ],

    # Directives that stop a push.
    [ "limit_req zone=slow; $PASS",                              $DELIVERED, $FAILED, 1 ],
    [ "limit_req zone=slower; limit_req_status 429; $PASS",      $DELIVERED, $SLOW_DOWN, 1 ],
    [ "client_max_body_size 1; $PASS",                           $REFUSED, $REFUSED, 0 ],
    [ 'return 418;',                                             $REFUSED, $REFUSED, 0 ],
    [ 'error_page 418 = @yes; return 418;',                      $REFUSED, $REFUSED, 0 ],
    [ 'error_page 418 = @pushes; return 418;',                   $DELIVERED, $REFUSED, 2 ],
    [ 'error_page 418 = @pushes; set $a b; if ($a) { return 418; } proxy_pass $nothing;', $DELIVERED, $REFUSED, 2 ],
    [ 'error_page 418 =200 @pushes; return 418;',                $REFUSED, $REFUSED, 0 ],
    [ 'error_page 418 @pushes; return 418;',                     $REFUSED, $REFUSED, 0 ],
    [ 'error_page 418 = /elsewhere; return 418;',                $REFUSED, $REFUSED, 0 ],
    [ 'error_page 418 = @nobody; return 418;',                   $REFUSED, $REFUSED, 0 ],
    [ 'error_page 500 =200 @yes; return 500;',                   $FAILED,  $FAILED,  0 ],
    [ 'return 444;',                                             $REFUSED, $REFUSED, 0 ],
    [ 'return 200;',                                             $FAILED,  $FAILED,  0 ],
    [ 'try_files /nothing =404;',                                $REFUSED, $REFUSED, 0 ],
    [ 'try_files /nothing =200;',                                $FAILED,  $FAILED,  0 ],
    [ 'alias %%DIR%%/yes.json;',                                 $REFUSED, $REFUSED, 0 ],
    [ 'error_page 405 =200 @yes; alias %%DIR%%/yes.json;',       $REFUSED, $REFUSED, 0 ],
    [ 'proxy_pass $nothing;',                                    $FAILED,  $FAILED,  0 ],

    # Locations where a push gets no further.
    [ 'flashduty_push /elsewhere$arg_nothing;',                             $FAILED, $FAILED, 0 ],
    [ 'flashduty_preview;',                                      $FAILED, $FAILED, 0 ],
    [ 'rewrite ^ /elsewhere last;',                              $FAILED, $FAILED, 0 ],
    [ 'try_files /nothing /elsewhere;',                          $FAILED, $FAILED, 0 ],
);

my $number    = 0;
my $locations = join '', map { $number++; <<"EOC" } @LOCATIONS;
        location = /alert$number {
            flashduty_push /push$number\$arg_nothing;
        }
        location = /push$number {
            internal;
            $_->[0]
        }
EOC

my $t = Gateway->new(lenient => ['COPY'], http => <<"EOC")->plan(@LOCATIONS + 5)->start;
    limit_req_zone \$server_name zone=slow:64k rate=1r/m;
    limit_req_zone \$server_name zone=slower:64k rate=1r/m;
    limit_conn_zone \$server_name zone=pushes:64k;
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;
    proxy_cache_valid any 1h;
    proxy_cache_key same;

    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        set \$nothing "";

$locations
        location = /elsewhere {
            flashduty_push /push1;
        }
        location = /copy {
            internal;
            proxy_pass http://127.0.0.1:%%COPY%%/copy;
        }
        location = /no {
            return 403;
        }
        location \@pushes {
            error_page 418 502 = \@yes;
            proxy_pass %%PUSH_URL%%\$arg_nothing;
        }
        location \@nobody {
            return 418;
        }
        location \@yes {
            $YES
        }
        location = /one_by_one {
            flashduty_push /push_one_by_one;
        }
        location = /push_one_by_one {
            internal;
            limit_conn pushes 1;
            $PASS
        }
    }
EOC
$t->write_file('yes.json', '{"request_id":"r"}');

$number = 0;
for my $location (@LOCATIONS) {
    my ($directives, @expected) = @$location;
    $number++;
    my $before  = $t->flashduty->count;
    my @verdict = map { $t->flashduty->answer($_); $t->post("/alert$number", alert())->verdict }
        (taken(), says(400, 'InvalidParameter', 'm'));
    is_deeply([ @verdict, $t->flashduty->count - $before ], \@expected, $directives);
}
is($t->flashduty('COPY')->count, 0, 'nothing was sent elsewhere');

# limit_conn counts the callers whose pushes are under way.
$t->flashduty->answer({ hold => 1 }, taken());
my $before = $t->flashduty->count;
my $first  = $t->client->send(Client->compose('POST', '/one_by_one', alert()));
eventually { $t->flashduty->count > $before };
is($t->post('/one_by_one', alert())->verdict, $FAILED, 'limit_conn: a second push fails');
is($t->flashduty->count, $before + 1, 'and is not sent');
$t->flashduty->release;
is($first->response->verdict, $DELIVERED, 'the first is delivered');
ok(eventually { $t->post('/one_by_one', alert())->verdict eq $DELIVERED }, 'and so is the next');
