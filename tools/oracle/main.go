// Command oracle answers with what Argo CD's own packages say: what a comparison comes to, what an ignore rule removes,
// how healthy an object is, what an Application's status would be. The tests hold driftgate to its answers.
//
// It reads one JSON object a line and writes one JSON object a line, in the same order. A request has `ask`, the name of
// a question, and what the question needs; an answer has `answer`, or `error` with the text of Argo CD's error, or
// `panic` with what its code panicked with, and always `log`, what it logged meanwhile. What is wrong with the request
// itself is in `refused`.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

const argocd = "github.com/argoproj/argo-cd/v3"

// Longer than any object that an API server stores, with desired and live state and the rules beside it.
const longestLine = 64 << 20

type response struct {
	Answer  any      `json:"answer,omitempty"`
	Error   string   `json:"error,omitempty"`
	Panic   string   `json:"panic,omitempty"`
	Refused string   `json:"refused,omitempty"`
	Log     []string `json:"log"`
}

// refusal is an error of the request, not of Argo CD.
type refusal struct{ error }

func refuse(format string, arguments ...any) error {
	return refusal{fmt.Errorf(format, arguments...)}
}

var questions = map[string]func(line []byte) (any, error){
	"application": askApplication,
	"diff":        askDiff,
	"health":      askHealth,
	"ignore":      askIgnore,
	"manifests":   askManifests,
	"object":      askObject,
	"order":       askOrder,
	"schema":      askSchema,
	"version":     func([]byte) (any, error) { return version() },
}

func main() {
	if len(os.Args) > 1 {
		if len(os.Args) > 2 || os.Args[1] != "version" {
			fmt.Fprintln(os.Stderr, "usage: oracle [version]")
			os.Exit(2)
		}
		found, err := version()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(found)
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), longestLine)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		if err := encoder.Encode(respond(lines.Bytes())); err != nil {
			return err
		}
		// The asker waits for this answer before it asks again.
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return lines.Err()
}

func respond(line []byte) (given response) {
	journal.begin()
	defer func() {
		if recovered := recover(); recovered != nil {
			given = response{Panic: fmt.Sprint(recovered)}
		}
		given.Log = journal.end()
	}()
	var asked struct {
		Ask string `json:"ask"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		return response{Refused: err.Error()}
	}
	question, known := questions[asked.Ask]
	if !known {
		return response{Refused: fmt.Sprintf("no question %q", asked.Ask)}
	}
	answer, err := question(line)
	var wrong refusal
	switch {
	case errors.As(err, &wrong):
		return response{Refused: wrong.Error()}
	case err != nil:
		return response{Error: err.Error()}
	}
	return response{Answer: answer}
}

// version is that of the Argo CD that was linked in, from the binary itself.
func version() (string, error) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == argocd {
				return module.Version, nil
			}
		}
	}
	return "", errors.New("the binary does not tell which Argo CD it was built from")
}
