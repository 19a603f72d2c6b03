// Checks a log of static files (c2sp.org/tlog-tiles) with the Go project's own libraries, and none of Vorbehalt's code:
//
//	verify_log FOLDER KEYS PROOFS [OLD-CHECKPOINT]
//
// KEYS is a file of verifier keys, the log's first and then its witnesses', all of which must have signed. Every entry
// is compared with the tree under the signed root; then as many proofs of random places are made and checked.
// Build it with Debian's golang-go and golang-golang-x-mod-dev: GO111MODULE=off GOPATH=/usr/share/gocode go build
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func demand(holds bool, fault string) {
	if !holds {
		fmt.Println("FAILED:", fault)
		os.Exit(1)
	}
}

func check(err error) { demand(err == nil, fmt.Sprint(err)) }

func must[T any](value T, err error) T { check(err); return value }

// A witness's timestamped cosignature (type 0x04), which x/mod does not know.
type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.id }
func (w witness) Verify(text, sig []byte) bool {
	head := func() string { return fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig)) }
	return len(sig) == 72 && ed25519.Verify(w.key, append([]byte(head()), text...), sig[8:])
}

func verifier(vkey string) note.Verifier {
	parts := append(strings.SplitN(vkey, "+", 3), "", "")
	raw := must(base64.StdEncoding.DecodeString(parts[2]))
	if len(raw) == 33 && raw[0] == 4 {
		return witness{parts[0], uint32(must(strconv.ParseUint(parts[1], 16, 32))), raw[1:]}
	}
	return must(note.NewVerifier(vkey))
}

func open(path string, keys []note.Verifier) tlog.Tree {
	n := must(note.Open(must(os.ReadFile(path)), note.VerifierList(keys...)))
	demand(len(n.Sigs) == len(keys), "signatures are missing")
	for _, s := range append(n.Sigs, n.UnverifiedSigs...) {
		must(base64.StdEncoding.Strict().DecodeString(s.Base64)) // one spelling only
	}
	lines := strings.Split(n.Text, "\n")
	demand(len(lines) == 4 && lines[0] == keys[0].Name(), "this is no checkpoint of the log")
	return tlog.Tree{N: must(strconv.ParseInt(lines[1], 10, 64)), Hash: must(tlog.ParseHash(lines[2]))}
}

type folder string

func (f folder) Height() int                         { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, t := range tiles {
		path := strings.Replace(strings.Replace(t.Path(), "tile/8/", "tile/", 1), "tile/data", "tile/entries", 1)
		all = append(all, must(os.ReadFile(string(f)+"/"+path)))
	}
	return all, nil
}

func main() {
	demand(len(os.Args) > 3, "usage: verify_log FOLDER KEYS PROOFS [OLD-CHECKPOINT]")
	var keys []note.Verifier
	for _, vkey := range strings.Fields(string(must(os.ReadFile(os.Args[2])))) {
		keys = append(keys, verifier(vkey))
	}
	dir, proofs := folder(os.Args[1]), must(strconv.Atoi(os.Args[3]))
	tree := open(os.Args[1]+"/checkpoint", keys)
	hashes := tlog.TileHashReader(tree, dir)
	places, leaves := make([]int64, 0, tree.N), make([]tlog.Hash, 0, tree.N)
	for n := int64(0); n*256 < tree.N; n++ {
		width := int(tree.N - n*256)
		if width > 256 {
			width = 256
		}
		for b := must(dir.ReadTiles([]tlog.Tile{{H: 8, L: -1, N: n, W: width}}))[0]; len(b) > 0; {
			length := 2 + int(binary.BigEndian.Uint16(append(b[:len(b):len(b)], 0)))
			demand(len(b) >= length, "a bundle is cut off")
			places = append(places, tlog.StoredHashIndex(0, int64(len(leaves))))
			leaves = append(leaves, tlog.RecordHash(b[2:length]))
			b = b[length:]
		}
		demand(int64(len(leaves)) == n*256+int64(width), "a bundle has another number of entries")
	}
	for i, stored := range must(hashes.ReadHashes(places)) {
		demand(stored == leaves[i], "an entry is not the one in the tree")
	}
	continues := func(old tlog.Tree) {
		check(tlog.CheckTree(must(tlog.ProveTree(tree.N, old.N, hashes)), tree.N, tree.Hash, old.N, old.Hash))
	}
	for ; proofs > 0; proofs-- {
		at, old := rand.Int63n(tree.N), 1+rand.Int63n(tree.N)
		check(tlog.CheckRecord(must(tlog.ProveRecord(tree.N, at, hashes)), tree.N, tree.Hash, at, leaves[at]))
		continues(tlog.Tree{N: old, Hash: must(tlog.TreeHash(old, hashes))})
	}
	if len(os.Args) > 4 {
		continues(open(os.Args[4], keys))
	}
	fmt.Println("OK", tree.N)
}
