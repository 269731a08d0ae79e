using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet;
using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Layers;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>The mapping network, truncated and not, and a step of its running mean.</summary>
public sealed class MappingRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "mapping";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using WeightLoader loader = RecordedFace.Loader(golden);
        FaceConfig config = RecordedFace.Config(golden.Config);
        MappingNetwork mapping = FaceModel.MakeMapping(loader, config);
        int copies = golden.Config.GetProperty("num_ws").GetInt32();
        Assert.Equal(copies, config.Styles);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.ws_psi", StringComparison.Ordinal)))
        {
            (double psi, int? cutoff) = TruncationRunner.Says(name);
            golden.Compare(name, mapping.Copies(mapping.Run(golden.Get("in.z"), golden.Get("in.t")), copies, psi, cutoff));
        }

        golden.Compare("out.ws_train", mapping.Copies(mapping.Run(golden.Get("in.z"), golden.Get("in.t"), training: true), copies));
        golden.Compare("out.w_avg_after_train", loader.Tensors["mapping.w_avg"]);
    }
}

/// <summary>Cameras by place, by deviation and drawn; pixels of rays, aligned and not, turned; rays.</summary>
public sealed class CameraRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "camera";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        FaceConfig config = RecordedFace.Config(golden.Config);
        FaceSettings settings = config.Settings;
        float[] places = golden.Get("in.uvr").data<float>().ToArray();
        CameraPose[] poses = [.. places.Chunk(3).Select(place => CameraRange.At(settings, place[0], place[1]))];
        golden.Compare("out.world", CameraPose.World(poses));
        golden.Compare("out.inv_intrinsics", diag(tensor([(float)CameraRange.HalfSide(settings), (float)CameraRange.HalfSide(settings), 1, 1])).unsqueeze(0));
        golden.Compare("out.grid_look_at", CameraPose.World(Triples(golden.Get("in.grid_loc"))).narrow(1, 0, 3).narrow(2, 0, 3));
        golden.Compare("out.traj_world", CameraPose.World([.. golden.Get("in.traj_t").data<float>().ToArray().Select(t => Circle(t))]));
        const string scaled = "out.world_radius_scale";
        string name = golden.Names.Single(name => name.StartsWith(scaled, StringComparison.Ordinal));
        double[] says = [.. name[scaled.Length..].Replace("uv", "", StringComparison.Ordinal).Split('_').Select(double.Parse)];
        golden.Compare(name, CameraPose.World([CameraRange.At(settings, says[1], says[2], says[0])]));

        float[] modes = golden.Get("in.tensor_mode").data<float>().ToArray();
        golden.Compare("out.tensor_mode_world", CameraPose.World([.. modes.Chunk(3).Select(mode => CameraRange.AtDeviation(settings, mode[0], mode[1]))]));
        golden.NotCompared("out.tensor_mode_uvr", "the input and a constant; nothing reads them");
        Drawn(golden, settings);
        Pixels(golden, config, Used(golden, config, poses));
    }

    // The case does not say which of its cameras rays were made with: those whose first ray is the recorded one.
    private static Tensor Used(GoldenCase golden, FaceConfig config, CameraPose[] poses)
    {
        Tensor first = golden.Get("out.aligned.rays").narrow(1, 0, 1); // [B, 1, 3]
        using Rays rays = Rays.Through(golden.Get("out.aligned.vol_pixels")[0].narrow(0, 0, 1), CameraPose.World(poses), CameraRange.HalfSide(config.Settings));
        long[] nearest = first.sub(rays.Direction.transpose(0, 1)).abs().sum(-1).argmin(1).data<long>().ToArray();
        return CameraPose.World([.. nearest.Select(index => poses[index])]);
    }

    private static CameraPose Circle(double t) => new(0.4 * Math.Sin(2 * Math.PI * t), (0.2 * Math.Cos(2 * Math.PI * t)) + (Math.PI / 2));

    private static (double X, double Y, double Z)[] Triples(Tensor rows)
        => [.. rows.data<float>().ToArray().Chunk(3).Select(row => ((double)row[0], (double)row[1], (double)row[2]))];

    private static void Drawn(GoldenCase golden, FaceSettings settings)
    {
        Tensor expected = golden.Get("out.random_uvr");
        uint seed = golden.Config.GetProperty("numpy_seed").GetUInt32();
        using TorchRandom uniforms = new(golden.Config.GetProperty("torch_seed").GetInt64());
        CameraPose[] drawn = CameraRange.Draw(settings, (int)expected.size(0), new NumpyRandom(seed), uniforms.Uniform);
        golden.Compare("out.random_world", CameraPose.World(drawn));
        float[] uvr =
        [
            .. drawn.Select(pose => CameraRange.PlaceOf(settings, pose)).SelectMany(place => new[] { (float)place.U, (float)place.V, 0f }),
        ];
        golden.Compare("out.random_uvr", tensor(uvr, expected.shape));
        NumpyRandom again = new(seed);
        const string normals = "mid.numpy_first_normals";
        golden.Compare(normals, tensor([.. Enumerable.Range(0, (int)golden.Get(normals).size(0)).Select(_ => (float)again.NextNormal())]));
    }

    private static void Pixels(GoldenCase golden, FaceConfig config, Tensor world)
    {
        foreach (string kind in new[] { "aligned", "centre" })
        {
            Tensor Grid(int side) => PixelGrid.Make(config.Picture, config.Picture, side, kind == "aligned", CPU);
            Tensor volume = Grid(config.Volume), target = Grid(config.Picture).view(config.Picture, config.Picture, 2).permute(2, 0, 1);
            golden.Compare($"out.{kind}.vol_pixels", volume.expand(world.size(0), -1, -1));
            golden.Compare($"out.{kind}.tgt_row0", target.select(1, 0).expand(world.size(0), -1, -1));
            golden.Compare($"out.{kind}.tgt_col0", target.select(2, 0).expand(world.size(0), -1, -1));
            using Rays rays = Rays.Through(volume, world, CameraRange.HalfSide(config.Settings));
            golden.Compare($"out.{kind}.rays", rays.Direction);
        }

        Tensor roll = golden.Get("out.roll.theta");
        golden.Compare("out.roll.theta", roll);
        golden.Compare("out.roll.vol_pixels", PixelGrid.Turned(PixelGrid.Make(config.Picture, config.Picture, config.Volume, true, CPU), roll));
    }
}

/// <summary>The fields at points, and what gathers them along rays.</summary>
public sealed class FieldPartsRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "nerf_parts";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using WeightLoader loader = RecordedFace.Loader(golden);
        FaceConfig config = RecordedFace.Config(golden.Config);
        int rows = golden.Config.GetProperty("H").GetInt32(), samples = golden.Config.GetProperty("steps").GetInt32();
        Tensor Points(string name, int size) => golden.Get(name).view(2, -1, samples, size);
        FaceField face = new(loader, config);
        FieldKernels kernels = face.Modulate(golden.Get("in.ws").narrow(1, 0, config.FaceStyles));
        FieldValues values = face.Run(Points("in.fg.points", 3), rows, kernels);
        golden.Compare("out.fg.feat", values.Features.flatten(1, 2));
        golden.Compare("out.fg.sigma_raw", values.Density.reshape(2, -1, 1));
        golden.Compare("out.fg.sigma_raw", face.Density(Points("in.fg.points", 3), kernels).reshape(2, -1, 1));
        Tensor points = golden.Get("in.fg.points");
        golden.Compare("out.fg.feat_shape_HWx1", face.Run(Points("in.fg.points", 3), (int)points.size(1) / samples, kernels).Features.flatten(1, 2));
        FieldValues behind = new BackgroundField(loader, config).Run(Points("in.bg.points", 4), rows, golden.Get("in.bg.z"));
        golden.Compare("out.bg.feat", behind.Features.flatten(1, 2));
        golden.Compare("out.bg.sigma_raw", behind.Density.reshape(2, -1, 1));
        Gathering(golden, config);
    }

    private static void Gathering(GoldenCase golden, FaceConfig config)
    {
        golden.Compare("out.posenc", PositionEncoding.Run(golden.Get("in.posenc"), config.Octaves));
        Tensor o = golden.Get("in.out.o"), d = golden.Get("in.out.d"), depth = golden.Get("in.out.depth");
        golden.Compare("out.depth2pts", InvertedSphere.Points(o, d, depth));
        Tensor edges = golden.Get("in.pdf.bins"), weights = golden.Get("in.pdf.weights"), u = golden.Get("in.pdf.u");
        golden.Compare("out.pdf.det", ImportanceSamples.Place(edges, weights, linspace(0, 1, u.size(1)).expand_as(u)));
        golden.Compare("out.pdf.random", ImportanceSamples.Place(edges, weights, u));
        Tensor sigma = golden.Get("in.vw.sigma"), z = golden.Get("in.vw.z"), ray = golden.Get("in.vw.ray");
        foreach (double last in new[] { 0, RayWeights.Infinite })
        {
            (Tensor shown, Tensor passed) = RayWeights.Of(sigma, z, ray, last);
            golden.Compare($"out.vw.weights_last{(last > 0 ? 1 : 0)}", shown);
            golden.Compare($"out.vw.lambda_last{(last > 0 ? 1 : 0)}", passed);
        }

        golden.Compare("out.vw.weights_noray", RayWeights.Of(sigma, z, null, RayWeights.Infinite).Weights);
        long[] counts = [.. golden.Config.GetProperty("dividable_of").EnumerateArray().Select(count => count.GetInt64())];
        long[] rows = [.. counts.Select(count => (long)Rays.RowsOf((int)count))];
        golden.CompareExact("out.dividable", stack([tensor(rows), tensor([.. counts.Zip(rows, (count, each) => count / each)])], 1));
        Tensor picture = golden.Get("in.img");
        foreach (string name in golden.Names.Where(name => name.Contains("sample", StringComparison.Ordinal)))
        {
            long side = (long)RecordedFace.Ending(name, "sample");
            golden.Compare(name, F.interpolate(picture, [side, side], mode: InterpolationMode.Bilinear, align_corners: false));
        }
    }
}

/// <summary>A block, each of its layers and its enhancer, in use and in training.</summary>
public sealed class BlocksRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "blocks";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using WeightLoader loader = RecordedFace.Loader(golden);
        FaceConfig config = RecordedFace.Config(golden.Config);
        int index = config.Resolutions.ToList().IndexOf(int.Parse(golden.Config.GetProperty("block").GetString()![1..]));
        UpsamplingBlock block = new(loader, config, index);
        Tensor x = golden.Get("in.x"), styles = golden.Get("in.ws"), tokens = golden.Get("in.tokens");
        Enhancer(golden, block.Enhancer!, x, tokens);

        Tensor first = block.First.Run(x, styles.select(1, 0)), second = block.Second.Run(first, styles.select(1, 1));
        golden.Compare("out.conv0", first);
        golden.Compare("out.conv0_skip_up", block.First.Run(x, styles.select(1, 0), flat: true));
        golden.Compare("out.conv1", second);
        golden.Compare("out.torgb", block.Colours.Run(second, styles.select(1, 2)));
        (Tensor y, Tensor? colours) = block.Run(x, styles, coloured: true);
        golden.Compare("out.block_x", y);
        golden.Compare("out.block_img", colours!);
        golden.Compare("out.block_x_clamped", block.Run(x.mul(400), styles.mul(3), coloured: false).X); // as the case's notes say
        golden.Compare("out.train_block_x", block.Run(x, styles, coloured: false, training: true).X);
        golden.Compare("out.conv0_w_avg_after", block.First.Magnitude);
        golden.Compare("out.conv1_w_avg_after", block.Second.Magnitude);
    }

    private static void Enhancer(GoldenCase golden, StyleEnhancer enhancer, Tensor x, Tensor tokens)
    {
        using PromptTables direct = new([enhancer.Prepare(tokens, folded: false)]), folded = new([enhancer.Prepare(tokens, folded: true)]);
        Tensor normed = enhancer.Normed(x), found = enhancer.Attended(normed, direct.Blocks[0]);
        golden.Compare("out.attn_norm", normed);
        golden.Compare("out.attn", found);
        golden.Compare("out.sce_fused", x.add(found));
        golden.Compare("out.dw", enhancer.OffsetOf(x.add(found)));
        golden.Compare("out.dw", enhancer.Offset(x, 0, new PromptMix(direct)));
        golden.Compare("out.dw", enhancer.Offset(x, 0, new PromptMix(folded)));
    }
}

/// <summary>numpy's and torch's random numbers, and the latents of a seed. A tensor's name says what was drawn.</summary>
public sealed class RandomStreamsRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "random_streams";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (string name in golden.Names)
        {
            long[] shape = golden.Get(name).shape;
            uint seed = (uint)RecordedFace.Ending(name, "seed");
            using TorchRandom torch = new(seed);
            golden.Compare(name, name.Split('.')[1] switch
            {
                "numpy_rand" => Numpy(seed, shape, random => random.NextUniform()),
                "numpy_randn" => Numpy(seed, shape, random => random.NextNormal()),
                "numpy_randint60" => Numpy(seed, shape, random => random.Next(60), golden.Get($"out.numpy_rand.seed{seed}").numel()).to(ScalarType.Int64),
                "torch_randn_3_after16" => After(torch, shape),
                "torch_randn_1x32_x2" => cat([torch.Normal(1, shape[1]), torch.Normal(1, shape[1])]),
                "z_bg_0.65_first" or "z_bg_0" when name.Contains("first", StringComparison.Ordinal) => Latent(seed, (int)shape[1], 1),
                "z_bg_0" => Latent(seed, (int)shape[1], 2),
                string draw when draw.StartsWith("torch_randn_", StringComparison.Ordinal) => torch.Normal(shape),
                string draw when draw.StartsWith("torch_rand_", StringComparison.Ordinal) => torch.Uniform(shape),
                string draw => throw new Xunit.Sdk.XunitException($"{draw} is drawn by no known function"),
            });
        }
    }

    private static Tensor After(TorchRandom random, long[] shape)
    {
        random.Normal(16);
        return random.Normal(shape);
    }

    private static Tensor Latent(long seed, int width, int call)
    {
        using FaceNoise noise = new(seed);
        Tensor drawn = noise.Background(width, 0.65);
        return call == 1 ? drawn : noise.Background(width, 0.65);
    }

    // Whole numbers were drawn behind the uniform ones, from the same stream.
    private static Tensor Numpy(uint seed, long[] shape, Func<NumpyRandom, double> next, long before = 0)
    {
        NumpyRandom random = new(seed);
        for (long drawn = 0; drawn < before; drawn++)
        {
            random.NextUniform();
        }

        return tensor([.. Enumerable.Range(0, (int)shape.Aggregate(1L, (product, size) => product * size)).Select(_ => (float)next(random))], shape);
    }
}
