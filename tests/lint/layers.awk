# An #include of ours points down: never up, never to a sibling. A package's headers are included
# where it is at home alone. docs/architecture.md explains the layers. Tests may include everything.

BEGIN {
    split("base message broker session auth router http socket", folders, " ")
    split("1    2       3      3       3    4      5    6", heights, " ")
    for (i in folders) height[folders[i]] = heights[i]
    top = 7 # gateway.c and main.c

    home["libwebsockets.h"] = "^gateway/socket/"
    home["uv.h"] = "^gateway/base/loop\\.c$"
    home["uthash.h"] = "^gateway/base/map\\.c$"
    home["event2/"] = "^gateway/base/loop\\.c$|^gateway/(broker|socket)/|^tools/"
    home["hiredis/"] = "^gateway/broker/|^tools/common/redis\\.c$|^tools/parley/(census|mailbox|user)\\.c$"
    home["cjson/"] = "^gateway/message/"
    home["openssl/"] = "^gateway/(auth|broker)/|^tools/common/"
}

FILENAME ~ /^tests\// || !/^ *# *include/ { next }

{
    header = $0
    sub(/^[^"<]*["<]/, "", header)
    sub(/[">].*/, "", header)
    depth = split(FILENAME, part, "/")
    folder = header
    sub("/.*", "", folder)
    where = FILENAME ":" FNR ": "
}

/</ {
    for (package in home)
        if (index(header, package) == 1 && FILENAME !~ home[package])
            print where "<" header "> is included in " home[package] " alone"
    next
}

header ~ /\/internal\.h$/ && folder != part[2] {
    print where header " is for its own folder"
    next
}
folder == "embedded" { next }

part[1] == "gateway" && header ~ "/" {
    mine = depth == 2 ? "" : part[2]
    if (mine == folder) next
    if (!(folder in height))
        print where "no layer is named " folder
    else if ((mine == "" ? top : height[mine]) <= height[folder])
        print where mine "/ is not above " folder "/: what goes up is a function pointer"
    next
}
part[1] == "gateway" && depth > 2 { print where "name the folder too: \"" part[2] "/" header "\"" }
part[1] == "tools" && header == "broker/keys.h" { next } # the names of the keys exist once
part[1] == "tools" && header ~ "/" && folder !~ /^(common|base|message)$/ && folder != part[2] {
    print where "a tool includes common/, base/, message/ and broker/keys.h alone"
}
