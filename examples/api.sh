# Shell functions of the how-tos, for bash: `source examples/api.sh` where LATHE (the address with
# /v1) and KEY are set. curl 7.87 or newer.

# api PATH [curl's options]: a request with the key; a refusal is printed and fails
api() { local path=$1; shift; curl -sS --fail-with-body -H "Authorization: Bearer $KEY" "$LATHE$path" "$@"; }

# get EXPRESSION: of the JSON on standard input, which is called `it`
get() { python3 -c "import json, sys; it = json.load(sys.stdin); print($1)"; }

# upload models|datasets NAME FILE [curl's options]: waits for the inspection and prints the id;
# what is rejected is said and fails
upload() {
  local path="/$1?name=$2&wait=60" file=$3; shift 3
  api "$path" -X POST -T "$file" "$@" |
    get 'it["id"] if it["failure"] is None else sys.exit(it["failure"]["detail"])'
}

# submit: the job spec on standard input; prints the id of the job
submit() { api /jobs --json @- | get 'it["id"]'; }

# ended JOB: wait until it has ended and print what became of it
ended() {
  until api "/jobs/$1?wait=30" -o job.json && grep -q '"finished_at":"' job.json; do :; done
  get 'it["verdict"]["sentence"] if it["verdict"] else it["state"] + ": " + it["failure"]["detail"]' < job.json
}

# fetch JOB KIND FILE: download an artifact and check it
fetch() {
  local id sha256
  read -r id sha256 < <(api "/jobs/$1/artifacts" | get "*next((a['id'], a['sha256']) for a in it['items'] if a['kind'] == '$2')")
  api "/artifacts/$id/content" -o "$3" && echo "$sha256  $3" | sha256sum --check
}
