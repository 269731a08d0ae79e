using System.Text.Json;
using Aperture.Golden.Tests.Vision;
using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>The published sizes, with weights that a hash gives.</summary>
public sealed class FullSizeRunner : IGoldenRunner
{
    private const string FirstFour = "mid.check.first4.", Sum = "mid.check.sum.", Every = "_every";

    public string Area => RecordedFace.AreaName;

    public string Kind => "full_size";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        string salt = golden.Meta.GetProperty("salt").GetString()!;
        Dictionary<string, Tensor> tensors = golden.Meta.GetProperty("tensors").EnumerateArray().ToDictionary(
            entry => entry[0].GetString()!,
            entry => GeneratedTensor.Salted(salt, entry[0].GetString()!, Shape(entry[1]), entry[2].GetSingle(), entry[3].GetSingle()).DetachFromDisposeScope());
        if (!tensors.ContainsKey("synthesis.alpha"))
        {
            tensors.Add("synthesis.alpha", tensor(1f).DetachFromDisposeScope()); // as the case's notes say
        }

        using TensorWeights weights = new(tensors);
        Check(golden, weights);
        using FaceModel model = RecordedFace.Open(golden, weights);
        Assert.Equal(golden.Config.GetProperty("img_resolution").GetInt32(), model.Config.Picture);
        Tensor Input(string name)
        {
            JsonElement says = golden.Meta.GetProperty("inputs").GetProperty(name);
            return GeneratedTensor.Salted(salt, "in." + name, Shape(says[0]), says[1].GetSingle(), 0);
        }

        JsonElement places = golden.Config.GetProperty("uv");
        Tensor world = CameraPose.World(
            [.. places.EnumerateArray().Select(place => CameraRange.At(model.Config.Settings, place[0].GetDouble(), place[1].GetDouble()))]);
        golden.Compare("mid.camera_world", world);
        Tensor styles = model.Styles(Input("z"), Input("t"), RecordedFace.Noted(golden, "psi"));
        golden.Compare("mid.ws_first", styles.select(1, 0));
        using PromptTables prompt = model.Prepare(Input("tokens"), folded: true), edit = model.Prepare(Input("edit_tokens"), folded: true);
        Tensor behind = Input("z_bg");
        RenderSettings how = RecordedFace.Render(model);
        (Tensor low, Tensor picture) = RecordedFace.Picture(
            model, world, styles, behind, new PromptMix(prompt), how, new TaskRun { Trace = new Parts(golden) });
        golden.Compare("out.img_nerf", low);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.image" + Every, StringComparison.Ordinal)))
        {
            golden.Compare(name, Thinned(picture, name));
        }

        golden.Compare("out.image_corner", picture.narrow(2, 0, 16).narrow(3, picture.size(3) - 16, 16));
        golden.Compare("out.image_mean", picture.mean([2, 3]));
        golden.Compare("out.image_std", picture.flatten(2).std(2));
        PromptMix mix = new(edit, prompt, RecordedFace.Noted(golden, "assist tokens, alpha"));
        Tensor edited = RecordedFace.Picture(model, world, styles, behind, mix, how, TaskRun.Plain).Picture;
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.edit_image" + Every, StringComparison.Ordinal)))
        {
            golden.Compare(name, Thinned(edited, name));
        }
    }

    private static Tensor Thinned(Tensor picture, string name)
    {
        long step = (long)RecordedFace.Ending(name, Every);
        return picture.slice(2, 0, picture.size(2), step).slice(3, 0, picture.size(3), step);
    }

    private static void Check(GoldenCase golden, TensorWeights weights)
    {
        foreach (string name in golden.Names.Where(name => name.StartsWith(FirstFour, StringComparison.Ordinal)))
        {
            golden.CompareExact(name, weights.Load(name[FirstFour.Length..]).flatten().narrow(0, 0, 4));
        }

        foreach (string name in golden.Names.Where(name => name.StartsWith(Sum, StringComparison.Ordinal)))
        {
            golden.Compare(name, weights.Load(name[Sum.Length..]).to(ScalarType.Float64).sum().to(ScalarType.Float32), 1e-6);
        }
    }

    private static long[] Shape(JsonElement sizes) => [.. sizes.EnumerateArray().Select(size => size.GetInt64())];

    // Of features the first channels are recorded; names of rays lack their prefix.
    private sealed class Parts(GoldenCase golden) : ITaskTrace
    {
        private const string First = "_first8";

        public bool Wants(string name) => golden.Has(Recorded(name)) || golden.Has(Recorded(name) + First);

        public void Value(string name, Tensor value)
        {
            string recorded = Recorded(name);
            if (golden.Has(recorded))
            {
                golden.Compare(recorded, value);
            }
            else
            {
                golden.Compare(recorded + First, value.narrow(-1, 0, 8));
            }
        }

        private static string Recorded(string name) => "mid." + name.Replace("nerf.", "", StringComparison.Ordinal);
    }
}
