// Where the module begins. What it needs, and every hash, is in ../controlplane/go.mod: run with -modfile (schema.py does).
module generate

go 1.26.0
