using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>The encoder: geometry, every cell, every router's weights, every layer, the mask, and which cells are passed.</summary>
public sealed class EncoderRunner : IGoldenRunner
{
    private const double Threshold = 0.3;

    public string Area => "dtnet";

    public string Kind => "encoder";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using CaptionModel model = RecordedCaptioner.Open(golden, golden.Weights());
        PathTrace paths = new(RecordedCaptioner.Comparing(golden).Trace);
        Places(golden, model.Config);

        EncodedGrid encoded = model.Encoder.Run(golden.Get("in.features"), RoutePlan.Soft, training: null, new TaskRun { Trace = paths });

        golden.Compare("out.tokens", encoded.Rows);
        golden.CompareExact("out.mask", encoded.Mask.to(ScalarType.Int64));
        CaptionPaths[] passed = [.. Enumerable.Range(0, (int)encoded.Rows.size(0)).Select(picture => paths.Of(picture, Threshold))];
        golden.CompareExact("out.path_count", tensor([.. passed.Select(path => (long)path.Count)]));
        golden.CompareExact("out.path_passed", tensor(
            [
                .. passed.SelectMany(path => path.Passed).SelectMany(
                    stage => Enumerable.Range(0, 3).Select(cell => cell < stage.Length && stage[cell] ? 1L : 0L)),
            ],
            golden.Get("out.path_passed").shape));

        // Folding the local cells' convolutions changes nothing.
        model.Fold();
        EncodedGrid folded = model.Encoder.Run(golden.Get("in.features"), RoutePlan.Soft, training: null, RecordedCaptioner.Comparing(golden));
        golden.Compare("out.tokens", folded.Rows);
    }

    private static void Places(GoldenCase golden, CaptionConfig config)
    {
        (Tensor column, Tensor row) = GridGeometry.Positions(config.Grid, config.Features);
        golden.Compare("mid.pe_table", column.add(row));
        const string rows = "mid.geometry.embedding_rows";
        foreach (string name in golden.Names.Where(name => name.StartsWith(rows, StringComparison.Ordinal)))
        {
            long[] cells = [.. name[rows.Length..].Split('_').Select(cell => long.Parse(cell, System.Globalization.CultureInfo.InvariantCulture))];
            golden.Compare(name, GridGeometry.Distances(config.Grid).index_select(0, tensor(cells)));
        }
    }
}
