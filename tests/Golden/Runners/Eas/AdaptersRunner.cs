using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>The adapters alone, in every variant, and the matrix and bias that they become for one sequence.</summary>
public sealed class AdaptersRunner : IGoldenRunner
{
    private const double HalfTolerance = 2e-3;

    public string Area => "eas";

    public string Kind => "adapters";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement config = golden.Config;
        IWeightSource weights = golden.Weights();
        int width = config.GetProperty("d").GetInt32(), groups = config.GetProperty("groups").GetInt32();
        double scale = config.GetProperty("scale").GetDouble(), temperature = config.GetProperty("temperature").GetDouble();
        RepAdapter Load(string name) => RepAdapter.Load(weights, name + ".", width, scale, temperature, groups);
        Tensor x = golden.Get("in.x"), first = x.narrow(0, 0, 1);
        foreach (JsonProperty kind in config.GetProperty("r").EnumerateObject())
        {
            string name = kind.Name;
            switch (name)
            {
                case "RepAdapter":
                    using (RepAdapter loaded = Load(name))
                    using (RepAdapter plain = new() { Down = loaded.Down, Up = loaded.Up, Identity = false })
                    {
                        golden.Compare("out.RepAdapter", plain.Run(x, null));
                    }

                    break;
                case "RepAdapter_Router":
                    using (RepAdapter adapter = Load(name))
                    {
                        golden.Compare("out.RepAdapter_Router", adapter.Run(x, adapter.Route(TokenQuery.Token0.Read(x))));
                    }

                    break;
                case "PIAdapter_FFN":
                    using (RepAdapter adapter = Load(name))
                    {
                        Ordinary(golden, name, adapter, x, first);
                    }

                    break;
                default:
                    using (PropagationAdapter adapter = PropagationAdapter.Load(weights, name + ".", width, scale, temperature, groups))
                    {
                        Propagation(golden, name, adapter, x, first);
                    }

                    break;
            }
        }
    }

    private static void Ordinary(GoldenCase golden, string name, RepAdapter adapter, Tensor x, Tensor first)
    {
        Tensor router = adapter.Route(TokenQuery.MeanSkipFirst.Read(x))!;
        golden.Compare($"mid.{name}.router_w", router);
        Tensor y = adapter.Run(x, router);
        golden.Compare($"out.{name}", y);
        golden.Compare($"out.{name}.as_written_fp16", y, HalfTolerance);
        golden.Compare($"out.{name}.trans", y.transpose(0, 1));
        using AffineAdapter affine = adapter.Affine(router[0]);
        Merged(golden, name, affine, first);
    }

    private static void Propagation(GoldenCase golden, string name, PropagationAdapter adapter, Tensor x, Tensor first)
    {
        Tensor router = adapter.Route(TokenQuery.MeanSkipFirst.Read(x));
        Tensor pool = adapter.Pool(TokenQuery.MeanAll.Read(x));
        golden.Compare($"mid.{name}.router_w", router);
        golden.Compare($"mid.{name}.pool_p", pool.unsqueeze(-1));
        Tensor y = adapter.Run(x, pool, router);
        golden.Compare($"out.{name}", y);
        golden.Compare($"out.{name}.as_written_fp16", y, HalfTolerance);
        using AffineAdapter affine = adapter.Affine(router[0], pool[0]);
        Merged(golden, name, affine, first);
    }

    private static void Merged(GoldenCase golden, string name, AffineAdapter affine, Tensor first)
    {
        Tensor matrix = affine.Matrix();
        golden.Compare($"mid.{name}.rep_matrix", matrix);
        golden.Compare($"mid.{name}.rep_bias", affine.Bias);
        golden.Compare($"out.{name}.rep_forward", first.matmul(matrix.transpose(0, 1)).add(affine.Bias));
        WeightDelta delta = affine.MergeInto(eye(affine.Bias.size(0)), gain: null, dense: false, officialBias: false);
        Tensor low = first.add(first.matmul(delta.Down!.transpose(0, 1)).matmul(delta.Up!.transpose(0, 1))).add(delta.Bias!);
        golden.Compare($"out.{name}.rep_forward", low);
        AffineAdapter.DisposeDelta(delta);
    }
}
