# Sourced when nginx's Makefile is written. The module's own objects have C++17, whatever the
# compiler's default is; the flags of all others stay as they are.

flashduty_objs=
flashduty_core_objs=
for ngx_src in $flashduty_srcs; do
    flashduty_dir=`dirname $ngx_src`
    flashduty_dir=`basename $flashduty_dir`
    flashduty_obj=$NGX_OBJS/addon/$flashduty_dir/`basename $ngx_src .cpp`.o
    flashduty_objs="$flashduty_objs $flashduty_obj"
    if [ $flashduty_dir = core ]; then
        flashduty_core_objs="$flashduty_core_objs $flashduty_obj"
    fi
done

# Most of what an alert costs is spent in the core: -O3 takes 6 % of its instructions away. A level
# below -O2 is asked for by whoever looks for faults.
flashduty_core_flags=-O3
case " $NGX_CC_OPT " in
    *" -O "* | *" -O"[01gsz]*)
        flashduty_core_flags=
    ;;
esac

cat << END                                                    >> $NGX_MAKEFILE

$flashduty_objs: CFLAGS += $flashduty_cxxflags

$flashduty_core_objs: CFLAGS += $flashduty_core_flags

END
