// Asks the shipped model about the shipped picture, un-pruned and through FitPrune, compares what that costs, and draws which parts of the picture each layer still saw:
// into a temporary folder, or into the file that --output names.
//
//     ./aperture run scripts/quickstart.csx
//     ./aperture run scripts/quickstart.csx -- --output map.png

string output = Args.Count == 2 && Args[0] == "--output" ? Args[1] : Path.Combine(Directory.CreateTempSubdirectory("aperture-").FullName, "token-map.png");

var llava = await Models.Load("tiny-llava");
var shelf = Images.Sample("shelf");
var fast = llava.With("fitprune", new { Reduction = 0.6 });

string[] questions =
[
    "What is in the top left?",
    "How many boots are there?",
    "Is there a red bag?",
];

foreach (string question in questions)
{
    var plain = await llava.Ask(shelf, question, cancellationToken: Cancellation);
    var pruned = await fast.Ask(shelf, question, cancellationToken: Cancellation);
    Print($"{question}  un-pruned: {plain}  fitprune: {pruned}  ({pruned.Flops.Total / (double)plain.Flops.Total:P0} of the FLOPs)");
}

// Rows for a random choice, for pooling and for a smaller picture at the same budget are added.
var comparison = Compare(shelf, questions[0], llava, fast);

Print($"token map: {comparison.Rows[^1].TokenMap!.SavePng(output)}");
