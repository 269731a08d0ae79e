using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.TestPlugins;

/// <summary>A reducer with a module of its own, which it runs forward and backward when it declares its sites.</summary>
internal sealed class TestReducer : ITokenReducer
{
    private readonly Scorer _scorer;

    public TestReducer(string name, int width)
    {
        Name = name;
        _scorer = new Scorer(width);
    }

    public string Name { get; }

    public void Declare(IReducerSites sites)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scores = _scorer.forward(ones(3, sites.Decoder.HiddenSize)); // [N, D] -> [N, 1]
        scores.sum().backward();
    }

    public void Dispose() => _scorer.Dispose();

    private sealed class Scorer : nn.Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Linear _score;

        public Scorer(int width)
            : base(nameof(Scorer))
        {
            _score = nn.Linear(width, 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => _score.forward(input);
    }
}
