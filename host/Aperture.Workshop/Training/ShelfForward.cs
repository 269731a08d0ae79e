using Aperture.Data;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>Forwards of the small model through the product's own tower, projector and decoder. Results live in the caller's dispose scope.</summary>
internal sealed class ShelfForward : IDisposable
{
    private const double Sharpness = 4, WordNoise = 0.09;

    private readonly ShelfTokenizer _tokenizer;
    private readonly ShelfSet _set;
    private readonly IShelfModel _model;
    private readonly Ops _ops;
    private readonly Tensor _kinds;
    private readonly Tensor _colors;
    private readonly Tensor _rows;
    private readonly Tensor _columns;
    private readonly Tensor _numbers;
    private readonly Generator _noise;

    public ShelfForward(ShelfSet set, ShelfTokenizer tokenizer, IShelfModel model)
    {
        _set = set;
        _tokenizer = tokenizer;
        _model = model;
        _ops = model.Ops.ForTraining();
        _kinds = Ids([.. ShelfWords.Kinds, "nothing"]);
        _colors = Ids([.. ShelfWords.Colors, "nothing"]);
        _rows = Ids(ShelfWords.Rows);
        _columns = Ids(ShelfWords.Columns);
        _numbers = Ids([.. ShelfWords.Numbers, "nothing"]);
        _noise = new Generator(0);
    }

    public ScalarType Compute => _ops.Type;

    public IShelfModel Model => _model;

    public ShelfSet Set => _set;

    /// <summary>Draws a batch for this model; see <see cref="ShelfBatch.Draw"/>. The caller disposes it.</summary>
    public ShelfBatch Draw(FashionItems? items, ShelfStageOptions options, int patchesPerPlace, double[] weights, SeededRandom random)
        => ShelfBatch.Draw(_set, _tokenizer, _model, items, options, patchesPerPlace, weights, random);

    /// <summary>The vision stage's loss: each projected patch against the embeddings of the words that describe its place.</summary>
    public (Tensor Loss, IReadOnlyDictionary<string, double> Accuracies) DescribePatches(
        ShelfScene[] scenes, byte[][] pictures, (int Y, int X)?[][] labels, double labelWeight)
    {
        Tensor features = _model.Features(pictures, _set.Side, frozen: false);
        Tensor patches = _model.Project(features).to_type(ScalarType.Float32).view(-1, Width); // [pictures * patches, d]
        List<long> kinds = [], colors = [], rows = [], columns = [], numbers = [];
        foreach (ShelfScene scene in scenes)
        {
            for (int patch = 0; patch < _model.Patches.Count; patch++)
            {
                int place = _model.Patches.PlaceOf(patch);
                kinds.Add(scene.Kind(place) < 0 ? ShelfWords.Kinds.Count : scene.Kind(place));
                colors.Add(scene.Color(place) < 0 ? ShelfWords.Colors.Count : scene.Color(place));
                rows.Add(place / ShelfWords.Side);
                columns.Add(place % ShelfWords.Side);
                numbers.Add(scene.Number(place) < 0 ? ShelfWords.Numbers.Count : scene.Number(place));
            }
        }

        (Tensor kindLoss, double kindAccuracy) = Classify(patches, _kinds, kinds);
        (Tensor colorLoss, double colorAccuracy) = Classify(patches, _colors, colors);
        (Tensor rowLoss, _) = Classify(patches, _rows, rows);
        (Tensor columnLoss, _) = Classify(patches, _columns, columns);
        Tensor loss = kindLoss.add(colorLoss).add(rowLoss).add(columnLoss);
        Dictionary<string, double> accuracies = new() { ["kind"] = kindAccuracy, ["color"] = colorAccuracy };
        if (_set.HasNumbers)
        {
            (Tensor numberLoss, accuracies["number"]) = Classify(patches, _numbers, numbers);
            int[] own = [.. labels.SelectMany((of, picture) => of.OfType<(int Y, int X)>().Select(label => (picture * _model.Patches.Count) + PatchAt(label)))];
            Tensor read = patches.index_select(0, tensor([.. own.Select(patch => (long)patch)])); // [pictures * patches, d] -> [labels, d]
            (Tensor labelLoss, accuracies["label"]) = Classify(read, _numbers, [.. own.Select(patch => numbers[patch])]);
            loss = loss.add(numberLoss).add(labelLoss.mul(labelWeight));
        }

        return (loss, accuracies);
    }

    /// <summary>float32 logits <c>[answer tokens, V]</c>.</summary>
    /// <param name="batch">The questions.</param>
    /// <param name="noiseSeed">Seed of the noise on shelves told in words.</param>
    public Tensor Answer(ShelfBatch batch, long noiseSeed)
    {
        _noise.manual_seed(noiseSeed);
        Tensor visual = batch.Pictures is { } pictures
            ? _model.Project(Kept(_model.Features(pictures, _set.Side, frozen: true), batch))
            : Kept(Told(batch.Scenes), batch);
        DecoderSpec config = _model.Decoder;
        WeightPolicy policy = new(CPU, Compute, Compute);
        using ParameterSource source = new(_model.Tensors, Compute);
        DecoderWeights weights = DecoderWeights.Load(source, _model.Names.Decoder, _model.Names.Head, config, policy);
        using Decoder decoder = new(config, weights, _ops, ShelfArchitecture.Info(config, _model.Patches.Count));
        long pictureCount = batch.Ids.size(0), text = batch.Ids.size(1) - batch.HeadRows;
        Tensor words = decoder.Embed(batch.Ids.view(-1)).view(pictureCount, -1, Width);
        Tensor rows = cat([words.narrow(1, 0, batch.HeadRows), visual, words.narrow(1, batch.HeadRows, text)], 1).view(-1, Width); // [pictures * rows, d]
        using RequestContext request = new(decoder.Info, batch.Layouts, null, null, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, batch.Layouts);
        state.Visible = batch.Visible;
        Tensor hidden = decoder.Run(state, rows, CancellationToken.None);
        Tensor answering = hidden.index_select(0, batch.AnswerRows);
        return decoder.Logits(answering, (int)batch.AnswerRows.size(0));
    }

    public void Dispose()
    {
        _kinds.Dispose();
        _colors.Dispose();
        _rows.Dispose();
        _columns.Dispose();
        _numbers.Dispose();
        _noise.Dispose();
    }

    private int PatchAt((int Y, int X) pixel)
        => (pixel.Y * _model.Patches.Grid / _set.Side * _model.Patches.Grid) + (pixel.X * _model.Patches.Grid / _set.Side);

    private int Width => _model.Decoder.HiddenSize;

    private Tensor Embeddings => _model.Tensors[_model.Names.Embeddings];

    private Tensor Kept(Tensor patches, ShelfBatch batch)
    {
        int all = _model.Patches.Count;
        if (batch.Patches[0].Length == all)
        {
            return patches;
        }

        long[] index = [.. batch.Patches.SelectMany((kept, picture) => kept.Select(patch => ((long)picture * all) + patch))];
        return patches.reshape(-1, patches.size(2)).index_select(0, tensor(index)).view(batch.Patches.Length, -1, patches.size(2));
    }

    // What a perfect eye would see: the words of each patch's place added up, with noise.
    private Tensor Told(ShelfScene[] scenes)
    {
        using IDisposable quiet = no_grad();
        List<long> kinds = [], colors = [], rows = [], columns = [], numbers = [];
        foreach (ShelfScene scene in scenes)
        {
            for (int patch = 0; patch < _model.Patches.Count; patch++)
            {
                int place = _model.Patches.PlaceOf(patch);
                kinds.Add(_tokenizer.Word(scene.Kind(place) < 0 ? "nothing" : ShelfWords.Kinds[scene.Kind(place)]));
                colors.Add(_tokenizer.Word(scene.Color(place) < 0 ? "nothing" : ShelfWords.Colors[scene.Color(place)]));
                rows.Add(_tokenizer.Word(ShelfWords.Rows[place / ShelfWords.Side]));
                columns.Add(_tokenizer.Word(ShelfWords.Columns[place % ShelfWords.Side]));
                numbers.Add(_tokenizer.Word(scene.Number(place) < 0 ? "nothing" : ShelfWords.Numbers[scene.Number(place)]));
            }
        }

        Tensor Words(List<long> ids) => Embeddings.index_select(0, tensor(ids.ToArray()));
        Tensor sum = Words(kinds).add(Words(colors)).add(Words(rows)).add(Words(columns));
        sum = _set.HasNumbers ? sum.add(Words(numbers)) : sum;
        Tensor noise = randn(sum.shape, generator: _noise).mul(WordNoise * ShelfParameters.EmbeddingLength);
        return sum.add(noise).to_type(Compute).view(scenes.Length, -1, Width);
    }

    private (Tensor Loss, double Accuracy) Classify(Tensor patches, Tensor words, List<long> targets)
    {
        Tensor embedded = Embeddings.detach().index_select(0, words);
        Tensor logits = patches.matmul(embedded.t()).mul(Sharpness / (ShelfParameters.EmbeddingLength * ShelfParameters.EmbeddingLength));
        Tensor target = tensor(targets.ToArray());
        double accuracy = logits.argmax(1).eq(target).to_type(ScalarType.Float32).mean().item<float>();
        return (nn.functional.cross_entropy(logits, target), accuracy);
    }

    private Tensor Ids(IEnumerable<string> words) => tensor(words.Select(word => (long)_tokenizer.Word(word)).ToArray());
}
