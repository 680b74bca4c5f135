# Sourced when nginx's Makefile is written. The module's own objects have C++17, whatever the
# compiler's default is; the flags of all others stay as they are.

flashduty_objs=
for ngx_src in $flashduty_srcs; do
    flashduty_dir=`dirname $ngx_src`
    flashduty_objs="$flashduty_objs $NGX_OBJS/addon/`basename $flashduty_dir`/`basename $ngx_src .cpp`.o"
done

cat << END                                                    >> $NGX_MAKEFILE

$flashduty_objs: CFLAGS += $flashduty_cxxflags

END
