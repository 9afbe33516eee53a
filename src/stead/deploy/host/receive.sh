# What comes: parts in pieces, and a generation. All of it lies in `incoming-TOKEN` until it is
# known to be whole.

# Take over whole pieces of parts that a cut deploy brought, and clear away the rest of it.
# Needs the lease.
receive_prepare() {
    receive_to=$ROOT/incoming-$1
    mkdir -p "$receive_to" "$ROOT/parts" "$ROOT/trees" "$R/generations" "$R/logs" "$R/run" "$R/data" || {
        spoiled "$ROOT" 93 "cannot make directories in $ROOT"
    }
    for receive_old in "$ROOT"/incoming-*; do
        [ "$receive_old" != "$receive_to" ] || continue
        mv -f "$receive_old"/p.* "$receive_to" 2>/dev/null
        rm -rf "$receive_old"
    done
    discard "$ROOT"/trees/.new-* "$R"/generations/.new-*
    receive_unused
    rm -f "$receive_to"/p.*.end "$receive_to"/p.*.keyed "$receive_to"/p.*.whole
    for receive_file in "$receive_to"/p.*; do
        [ -f "$receive_file" ] || continue
        receive_size=$(wc -c <"$receive_file")
        echo "piece ${receive_file##*/} $((receive_size))"
    done
}

# Remove generations that were never taken into use, with the secrets they hold. Needs the lease.
receive_unused() {
    for receive_old in "$R"/generations/[0-9]*; do
        [ -d "$receive_old" ] && [ ! -L "$receive_old/confirmed" ] || continue
        drop "${receive_old##*/}"
    done
}

# Remove a generation that neither runs nor may come to run. Needs the lease.
drop() {
    # shellcheck disable=SC2046 # its words are wanted
    set -- "$1" $(mark_of "$R/pending")
    case $1 in "$(generation_now)" | "${2:-0}" | "${3:-0}") return ;; esac
    [ -d "$R/generations/$1" ] || return 0
    mv "$R/generations/$1" "$R/generations/.new-$1" && discard "$R/generations/.new-$1"
}

# Take what comes on standard input: a tar of pieces (p.DIGEST.NUMBER), for each part its end
# (p.DIGEST.end: how many pieces, how many bytes) and where it is keyed (p.DIGEST.keyed), and the
# generation.
receive_all() {
    receive_to=$ROOT/incoming-$1
    cd "$receive_to" 2>/dev/null || fail 91 "the lease was lost"
    rm -rf generation.tar.gz
    tar -xof - 2>.said || {
        spoiled "$receive_to" 94 "what came is not whole: $(line_of .said)"
    }
    for receive_end in p.*.end; do
        [ -f "$receive_end" ] || continue
        receive_part "${receive_end%.end}"
    done
}

receive_part() {
    receive_digest=${1#p.}
    receive_count=0 receive_size=0
    read -r receive_count receive_size <"$1.end"
    if [ "$receive_count" -eq 1 ]; then
        receive_whole=$1.00000
    else
        receive_whole=$1.whole
        receive_number=0
        while [ "$receive_number" -lt "$receive_count" ]; do
                receive_piece=$(printf '%s.%05d' "$1" "$receive_number")
            cat "$receive_piece" && rm -f "$receive_piece" || break
            receive_number=$((receive_number + 1))
        done >"$receive_whole"
    fi
    if ! receive_right "$receive_whole" "$receive_digest" "$receive_size"; then
        spoiled "$PWD" 94 "part $receive_digest came with other content" "$PWD/$1".*
    fi
    mv -f "$1.keyed" "$ROOT/parts/$receive_digest.keyed" &&
        mv -f "$receive_whole" "$ROOT/parts/$receive_digest.tar.gz" ||
        spoiled "$ROOT/parts" 93 "cannot keep part $receive_digest"
    rm -f "$1".*
    echo "part $receive_digest"
}

# Whether a compressed part holds what its name says: by sha256 of what is in it; where no program
# here knows that, by its size and gzip's own check.
receive_right() {
    if have sha256sum; then
        receive_is=$(gzip -dc "$1" 2>/dev/null | sha256sum)
    elif have shasum; then
        receive_is=$(gzip -dc "$1" 2>/dev/null | shasum -a 256)
    elif have openssl; then
        receive_is=$(gzip -dc "$1" 2>/dev/null | openssl dgst -sha256 -r)
    elif have sha256; then
        receive_is=$(gzip -dc "$1" 2>/dev/null | sha256)
    else
        [ "$(($(wc -c <"$1")))" -eq "$3" ] && gzip -t "$1" 2>/dev/null
        return
    fi
    [ "${receive_is%% *}" = "$2" ]
}

# Put the generation's files below generations/.new-N, and its trees beside their places. When the
# disk holds all of it, and not before, trees and generation get their names: so what has a name is
# whole even where the power fails.
receive_generation() {
    receive_new=$R/generations/.new-$2
    receive_trees=
    discard "$receive_new" "$R/generations/$2"
    mkdir -p "$receive_new" && cd "$receive_new" || fail 93 "cannot write $R"
    gzip -dc "$ROOT/incoming-$1/generation.tar.gz" | tar -xpof - || {
        spoiled "$receive_new" 94 "the generation is not whole" "$receive_new"
    }
    mark "$R/last" "$2"
    tree_key=
    while read -r receive_kind receive_what; do
        case $receive_kind in
        tree) tree_begin "$ROOT/trees" "$receive_what" ;;
        own) tree_begin "$receive_new/code" "$receive_what" ;;
        part) tree_part "$receive_what" "$1" ;;
        end) tree_end ;;
        esac
    done <"$receive_new/trees"
    now >"$receive_new/made" || spoiled "$receive_new" 93 "cannot write $R" "$receive_new"
    durable "$ROOT"
    for receive_tree in $receive_trees; do
        mv "$ROOT/trees/.new-$receive_tree" "$ROOT/trees/$receive_tree" ||
            fail 93 "cannot write $ROOT/trees"
    done
    mv "$receive_new" "$R/generations/$2" || {
        spoiled "$receive_new" 93 "cannot write $R" "$receive_new"
    }
    cd / && rm -rf "$ROOT/incoming-$1"
    mkdir -p "$ROOT/incoming-$1"
}

# Let what was written be on the disk; where one may say so, on DIRECTORY's alone.
durable() {
    sync -f "$1" 2>/dev/null || sync 2>/dev/null || :
}

# DIRECTORY KEY
tree_begin() {
    tree_key=
    [ ! -d "$1/$2" ] || return 0
    tree_key=$2
    tree_in=$1
    tree_at=$1/.new-$2
    tree_count=0
    discard "$tree_at"
    mkdir -p "$tree_at" && printf %s "$2" >"$tree_at.key" ||
        spoiled "$ROOT/trees" 93 "cannot write $1"
}

# Unpack a part into the tree that is made, and write the tree's key where the part is keyed.
tree_part() {
    [ -n "$tree_key" ] || return 0
    [ $((tree_count % 20)) -ne 0 ] || lease_mine "$2"
    tree_count=$((tree_count + 1))
    [ -f "$ROOT/parts/$1.tar.gz" ] || fail 96 "part $1 is not here"
    cd "$tree_at" && gzip -dc "$ROOT/parts/$1.tar.gz" | (umask 022 && exec tar -xpof -) && tree_keyed "$1" ||
        # Should it be the part that is damaged, it comes again with the next deploy.
        spoiled "$tree_at" 94 "part $1 could not be unpacked" "$tree_at" "$ROOT/parts/$1.tar.gz"
}

# One process for each place, no more: there are thousands.
tree_keyed() {
    [ -s "$ROOT/parts/$1.keyed" ] || return 0
    tree_closed=
    while IFS= read -r tree_line; do
        tree_file=./${tree_line#* }
        if [ "$tree_file" != "$tree_closed" ]; then
            [ -z "$tree_closed" ] || chmod u-w "$tree_closed"
            tree_closed=
            [ -w "$tree_file" ] || {
                chmod u+w "$tree_file" || return 1
                tree_closed=$tree_file
            }
        fi
        dd if="$tree_at.key" of="$tree_file" bs=1 seek="${tree_line%% *}" conv=notrunc 2>/dev/null || return 1
    done <"$ROOT/parts/$1.keyed"
    [ -z "$tree_closed" ] || chmod u-w "$tree_closed"
}

tree_end() {
    [ -n "$tree_key" ] || return 0
    chmod go-w "$tree_at"
    rm -f "$tree_at.key"
    if [ "$tree_in" = "$ROOT/trees" ]; then
        receive_trees="$receive_trees $tree_key"
    else
        # Of the generation alone, which has no name yet.
        mv "$tree_at" "$tree_in/$tree_key" || fail 93 "cannot write $tree_in"
    fi
    tree_key=
}

# Remove generations beyond the last KEEP, and trees and parts that no generation names.
collect() {
    collect_current=$(generation_now)
    collect_kept=0
    # shellcheck disable=SC2012 # their names are numbers
    for collect_number in $(ls "$R/generations" 2>/dev/null | grep '^[0-9][0-9]*$' | sort -rn); do
        if [ "$collect_number" = "$collect_current" ]; then
            collect_kept=$((collect_kept + 1))
        elif [ -L "$R/generations/$collect_number/confirmed" ] && [ "$collect_kept" -lt "$1" ]; then
            collect_kept=$((collect_kept + 1))
        else
            mv "$R/generations/$collect_number" "$R/generations/.new-$collect_number" &&
                discard "$R/generations/.new-$collect_number"
        fi
    done
    collect_unnamed
}

collect_unnamed() {
    collect_named="
$(cat "$ROOT"/recipes/*/generations/[0-9]*/trees "$ROOT"/recipes/*/generations/.new-*/trees 2>/dev/null)
"
    for collect_it in "$ROOT"/trees/*; do
        [ -d "$collect_it" ] || continue
        collect_names "tree ${collect_it##*/}" && continue
        mv "$collect_it" "$ROOT/trees/.new-${collect_it##*/}" || continue
        discard "$ROOT/trees/.new-${collect_it##*/}"
    done
    for collect_it in "$ROOT"/parts/*.tar.gz; do
        collect_part=${collect_it##*/}
        collect_part=${collect_part%.tar.gz}
        collect_names "part $collect_part" || rm -f "$collect_it" "$ROOT/parts/$collect_part.keyed"
    done
    for collect_it in "$ROOT"/host/*.sh; do
        [ "$collect_it" = "$ROOT/host/$PROGRAM.sh" ] || collect_program "$collect_it"
    done
}

# Whether a line stands in what generations name. Asked of the shell alone: there are many.
collect_names() {
    case $collect_named in
    *"
$1
"*) return 0 ;;
    esac
    return 1
}

# An older program goes when no generation's supervisor may still run by it.
collect_program() {
    for collect_it in "$ROOT"/recipes/*/run/supervisor; do
        case $(mark_of "$collect_it") in *" ${1##*/}") return ;; esac
    done
    rm -f "$1"
}
