// What a way of keeping weights costs in quality: the model's distributions over the next token beside those in float32, at many positions.
//
//     aperture run scripts/quality.csx -- --shape llama-1.1b [--threads 2] [--prompts 4] [--rows 512]
//     aperture run scripts/quality.csx -- tiny-llava [scripts/data/shelf-eval/questions.jsonl] [--threads 2] [--limit 360]
//
// A shape has random weights, drawn in bf16 for every kind, and prompts of random tokens. A model is shown its questions and the answers that it gives in
// float32; positions are told apart into those in the answers (the last row of the prompt is the first) and those in the questions behind the picture.
// KL is the Kullback-Leibler divergence of the kind's distribution from float32's, in nats, by position; top-1 the share of positions where the likeliest token
// is the same, and its margin how much likelier it is in float32, in nats, than the second where the two differ and everywhere.
using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sampling;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;
using Span = Aperture.Sequences.Span;

const string Answers = "answers", Questions = "questions";
Dictionary<string, string> given = new()
{
    ["--threads"] = "2", ["--shape"] = "", ["--prompts"] = "4", ["--rows"] = "512", ["--limit"] = "1000000",
};
List<string> names = [];
for (int i = 0; i < Args.Count; i++)
{
    if (!given.ContainsKey(Args[i]))
    {
        names.Add(Args[i].StartsWith("--") ? throw new ApertureException($"'{Args[i]}' is no option; there are {string.Join(", ", given.Keys)}.") : Args[i]);
        continue;
    }

    string option = Args[i++];
    given[option] = i < Args.Count ? Args[i] : throw new ApertureException($"{option} needs a value.");
}

int Number(string name) => int.TryParse(given[name], out int number) && number > 0 ? number
    : throw new ApertureException($"{name} {given[name]}: give a number above 0.");
if (names.Count > 2 || (names.Count == 0) == (given["--shape"].Length == 0))
{
    throw new ApertureException("usage: quality.csx -- --shape SHAPE, or quality.csx -- MODEL [QUESTIONS]");
}

int threads = Number("--threads");
set_num_threads(threads);

// A way of keeping weights, and what is computed in beside it; float32 over the stored weights comes first and is what the others are held to.
(string Name, ScalarType Type, WeightFormat Format)[] kinds =
[
    ("float32", ScalarType.Float32, WeightFormat.Stored), ("bf16", ScalarType.BFloat16, WeightFormat.Stored),
    ("int8", ScalarType.Float32, WeightFormat.Int8), ("int8, bf16", ScalarType.BFloat16, WeightFormat.Int8),
    ("int4", ScalarType.Float32, WeightFormat.Int4), ("int4, bf16", ScalarType.BFloat16, WeightFormat.Int4),
];

using IDisposable quiet = inference_mode();
if (given["--shape"].Length > 0)
{
    OfShape(ModelShape.Find(given["--shape"]), Number("--prompts"), Number("--rows"));
}
else
{
    await OfModel(names[0], names.Count > 1 ? names[1] : Path.Combine(ScriptFolder, "data", "shelf-eval", "questions.jsonl"), Number("--limit"));
}

void OfShape(ModelShape shape, int prompts, int rows)
{
    DecoderSpec spec = shape.Decoder;
    Random random = new(1);
    int[][] ids = [.. Enumerable.Range(0, prompts).Select(_ => Enumerable.Range(0, rows).Select(_ => random.Next(spec.VocabularySize)).ToArray())];
    SequenceLayout layout = SequenceLayout.Create([new Span(SpanKind.Text, rows)]);
    List<Tensor> reference = [];
    foreach (var (name, type, format) in kinds)
    {
        using Ops ops = new(CPU, type, threads) { Weights = format };
        using RandomWeights source = new(spec, ScalarType.BFloat16, seed: 1);
        WeightPolicy policy = new(CPU, type, ScalarType.BFloat16) { Ops = ops };
        using Decoder decoder = new(spec, DecoderWeights.Load(source, "model.", "lm_head", spec, policy), ops, shape.Info);
        Agreement agreement = new();
        for (int prompt = 0; prompt < prompts; prompt++)
        {
            using RequestContext request = new(decoder.Info, [layout], null, null, null);
            using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, [layout]);
            using Tensor last = decoder.Run(state, decoder.Embed(ids[prompt]), Cancellation);
            Tensor logits = decoder.Logits(last, rows); // [rows, V]
            if (name == kinds[0].Name)
            {
                reference.Add(logits);
                continue;
            }

            using (logits)
            {
                agreement.Add(reference[prompt], logits);
            }
        }

        if (name == kinds[0].Name)
        {
            Print($"{shape.Name}, random weights, {prompts} prompts of {rows} random tokens; {MeasuredOn.Of(ops)}");
            Header();
        }
        else
        {
            Print(agreement.Row(name, "all"));
        }
    }

    reference.ForEach(tensor => tensor.Dispose());
}

async Task OfModel(string model, string file, int limit)
{
    var items = QuestionFile.Read(file, needAnswers: false).Take(limit).ToList();
    List<int[]> answers = [];
    List<Dictionary<string, Tensor>> reference = [];
    foreach (var (name, type, format) in kinds)
    {
        string kept = format.ToString().ToLowerInvariant(), computed = type.ToString().ToLowerInvariant();
        var opened = await Models.Load(model, new ModelOptions { Type = computed, Weights = kept, Threads = threads });
        using SampledModel sampled = new(opened.Model, items);
        Dictionary<string, Agreement> agreements = new() { [Answers] = new(), [Questions] = new() };
        for (int sample = 0; sample < items.Count; sample++)
        {
            if (name == kinds[0].Name)
            {
                answers.Add(sampled.Answer(sample, [], 16, Cancellation));
            }

            // What is predicted at the rows of the question behind the picture, and from the prompt's last row on of the answer.
            int length = answers[sample].Length;
            Dictionary<string, Tensor> logits = sampled.Forced(sample, answers[sample], run =>
            {
                run.RunTo(sampled.Decoder.Layers, Cancellation);
                long[] behind = [.. run.Layout(0).TextRowsAfterImage().Select(row => (long)row)];
                int end = run.Offsets[1];
                using Tensor text = tensor(behind.Where(row => row < end - length).ToArray()), said = arange(end - length, end);
                return new Dictionary<string, Tensor> { [Questions] = run.Logits(text), [Answers] = run.Logits(said) };
            }, Cancellation);
            if (name == kinds[0].Name)
            {
                reference.Add(logits);
                continue;
            }

            foreach (var (where, tensor) in logits)
            {
                agreements[where].Add(reference[sample][where], tensor);
                tensor.Dispose();
            }
        }

        if (name == kinds[0].Name)
        {
            Print($"{model}, {items.Count} questions; {sampled.MeasuredOn}");
            Header();
        }
        else
        {
            foreach (var (where, agreement) in agreements)
            {
                Print(agreement.Row(name, where));
            }
        }

        opened.Model.Dispose();
    }

    reference.ForEach(tensors => tensors.Values.ToList().ForEach(tensor => tensor.Dispose()));
}

void Header()
{
    Print("| weights | positions | | KL, mean | median | 99 of 100 below | top-1 the same | margin, everywhere | where they differ |");
    Print("|---|---|---|---|---|---|---|---|---|");
}

// Distributions beside the reference's, position by position.
sealed class Agreement
{
    private readonly List<double> _divergences = [], _margins = [], _lost = [];
    private int _same;

    // Both [positions, V], float32; borrowed.
    public void Add(Tensor reference, Tensor other)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor p = nn.functional.log_softmax(reference.to_type(ScalarType.Float64), 1), q = nn.functional.log_softmax(other.to_type(ScalarType.Float64), 1);
        _divergences.AddRange(p.exp().mul(p.sub(q)).sum(1).data<double>());
        var (best, which) = p.topk(2, 1);
        double[] margins = best.select(1, 0).sub(best.select(1, 1)).contiguous().data<double>().ToArray();
        bool[] same = which.select(1, 0).eq(q.argmax(1)).data<bool>().ToArray();
        _margins.AddRange(margins);
        _lost.AddRange(margins.Where((_, position) => !same[position]));
        _same += same.Count(agrees => agrees);
    }

    public string Row(string kind, string where)
    {
        double[] sorted = [.. _divergences.Order()];
        double median = sorted[sorted.Length / 2], high = sorted[sorted.Length * 99 / 100], same = 100.0 * _same / sorted.Length;
        string lost = _lost.Count == 0 ? "" : _lost.Average().ToString("0.000");
        return FormattableString.Invariant($"| {kind} | {sorted.Length} | {where} | {_divergences.Average():0.0e0} | {median:0.0e0} | {high:0.0e0} | ")
            + FormattableString.Invariant($"{same:0.0} % | {_margins.Average():0.000} | {lost} |");
    }
}
